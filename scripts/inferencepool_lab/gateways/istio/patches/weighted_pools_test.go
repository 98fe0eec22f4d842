// What Envoy is told about endpoint pickers when a rule has several InferencePools. The test is laid over the patched
// module, see tests/long/backport/test_istio_backport.py.
package route_test

import (
	"testing"

	envoyroute "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"

	"google.golang.org/protobuf/types/known/anypb"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/pkg/networking/core/route"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/gateway/kube"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/wellknown"
)

const (
	oldHost   = "pool-old-ip-1234.team.svc.cluster.local"
	newHost   = "pool-new-ip-5678.team.svc.cluster.local"
	plainHost = "plain.team.svc.cluster.local"
	oldPicker = "outbound|9002||pool-old-epp.team.svc.cluster.local"
	newPicker = "outbound|9002||pool-new-epp.team.svc.cluster.local"
)

func pool(hostname host.Name, picker, failureMode string) *model.Service {
	return &model.Service{
		Hostname: hostname,
		Ports:    model.PortList{{Name: "http", Port: 54321, Protocol: "HTTP"}},
		Attributes: model.ServiceAttributes{Namespace: "team", Labels: map[string]string{
			"istio.io/inferencepool-extension-service":      picker,
			"istio.io/inferencepool-extension-port":         "9002",
			"istio.io/inferencepool-extension-failure-mode": failureMode,
		}},
	}
}

func destination(hostname string, weight int32) *networking.HTTPRouteDestination {
	return &networking.HTTPRouteDestination{
		Destination: &networking.Destination{Host: hostname, Port: &networking.PortSelector{Number: 54321}},
		Weight:      weight,
	}
}

// build returns the one Envoy route of a rule. As the Gateway controller does it, the rule itself knows one picker.
func build(t *testing.T, rule *networking.HTTPRoute) *envoyroute.Route {
	t.Helper()
	rule.Name = "rule"
	services := map[host.Name]*model.Service{
		oldHost:   pool(oldHost, "pool-old-epp", "FailOpen"),
		newHost:   pool(newHost, "pool-new-epp", "FailClose"),
		plainHost: {Hostname: plainHost, Ports: model.PortList{{Name: "http", Port: 54321, Protocol: "HTTP"}}},
	}
	options := buildRouteOpts(services, nil)
	options.InferencePoolExtensionRefs = map[string]kube.InferencePoolRouteRuleConfig{
		"rule": {FQDN: "pool-old-epp.team.svc.cluster.local", Port: "9002", FailureModeAllow: true},
	}
	generator := core.NewConfigGenTest(t, core.TestOptions{})
	proxy := generator.SetupProxy(&model.Proxy{Type: model.Router, IPAddresses: []string{"1.1.1.1"}, ID: "gateway.team"})
	routes, err := route.BuildHTTPRoutesForVirtualService(proxy, config.Config{
		Meta: config.Meta{GroupVersionKind: gvk.VirtualService, Name: "route", Namespace: "team"},
		Spec: &networking.VirtualService{Hosts: []string{"*"}, Gateways: []string{"gateway"}, Http: []*networking.HTTPRoute{rule}},
	}, 8080, sets.New("gateway"), options)
	if err != nil || len(routes) != 1 {
		t.Fatalf("%d routes, error %v", len(routes), err)
	}
	return routes[0]
}

// picker returns the cluster of the endpoint picker that a per-filter configuration names, and whether it fails open.
func picker(t *testing.T, filters map[string]*anypb.Any) (string, bool) {
	t.Helper()
	override := &extproc.ExtProcPerRoute{}
	if filters[wellknown.HTTPExternalProcessing] == nil {
		return "", false
	}
	if err := filters[wellknown.HTTPExternalProcessing].UnmarshalTo(override); err != nil {
		t.Fatal(err)
	}
	if mode := override.GetOverrides().GetProcessingMode(); mode.GetRequestBodyMode() != extproc.ProcessingMode_FULL_DUPLEX_STREAMED ||
		mode.GetRequestHeaderMode() != extproc.ProcessingMode_SEND {
		t.Errorf("the picker does not get the headers and the body: %v", mode)
	}
	return override.GetOverrides().GetGrpcService().GetEnvoyGrpc().GetClusterName(), override.GetOverrides().GetFailureModeAllow().GetValue()
}

func expectPicker(t *testing.T, where string, filters map[string]*anypb.Any, cluster string, failOpen bool) {
	t.Helper()
	if gotCluster, gotFailOpen := picker(t, filters); gotCluster != cluster || gotFailOpen != failOpen {
		t.Errorf("%s asks %q (fails open: %t), not %q (%t)", where, gotCluster, gotFailOpen, cluster, failOpen)
	}
}

func TestEachOfSeveralPoolsHasItsOwnPicker(t *testing.T) {
	built := build(t, &networking.HTTPRoute{Route: []*networking.HTTPRouteDestination{destination(oldHost, 90), destination(newHost, 10)}})
	clusters := built.GetRoute().GetWeightedClusters().GetClusters()
	if len(clusters) != 2 {
		t.Fatalf("%d weighted clusters", len(clusters))
	}
	expectPicker(t, "the old pool", clusters[0].GetTypedPerFilterConfig(), oldPicker, true)
	expectPicker(t, "the new pool", clusters[1].GetTypedPerFilterConfig(), newPicker, false)
	expectPicker(t, "the route", built.GetTypedPerFilterConfig(), "", false)
}

func TestAServiceBesideAPoolHasNoPicker(t *testing.T) {
	built := build(t, &networking.HTTPRoute{Route: []*networking.HTTPRouteDestination{destination(oldHost, 1), destination(plainHost, 1)}})
	clusters := built.GetRoute().GetWeightedClusters().GetClusters()
	expectPicker(t, "the pool", clusters[0].GetTypedPerFilterConfig(), oldPicker, true)
	expectPicker(t, "the service", clusters[1].GetTypedPerFilterConfig(), "", false)
	expectPicker(t, "the route", built.GetTypedPerFilterConfig(), "", false)
}

func TestTheOnlyPoolHasItsPickerOnTheRoute(t *testing.T) {
	built := build(t, &networking.HTTPRoute{Route: []*networking.HTTPRouteDestination{destination(oldHost, 1)}})
	expectPicker(t, "the route", built.GetTypedPerFilterConfig(), oldPicker, true)
}

func TestACORSFilterLeavesThePicker(t *testing.T) {
	built := build(t, &networking.HTTPRoute{
		Route:      []*networking.HTTPRouteDestination{destination(oldHost, 1)},
		CorsPolicy: &networking.CorsPolicy{AllowMethods: []string{"POST"}},
	})
	expectPicker(t, "the route", built.GetTypedPerFilterConfig(), oldPicker, true)
	if built.GetTypedPerFilterConfig()[wellknown.CORS] == nil {
		t.Error("the CORS filter is gone")
	}
}
