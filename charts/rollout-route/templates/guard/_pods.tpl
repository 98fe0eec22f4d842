{{- /*
The pods of pools. Two facts of a pool are found in its pods: whether a model server is ready to answer, and whether
another pool of the route selects the same pod. Then the weights would shift nothing, both pools would pass every test,
and deleting the old pool would delete the servers of the new one.
*/}}

{{- /* Fails if no pod of the pool of a `backend` is ready, from `pods`; not judged without guards.readiness. */}}
{{- define "rollout-route.checkServers" -}}
{{- $namespace := default .root.Release.Namespace .backend.namespace }}
{{- $arguments := dict "root" .root "backend" .backend "namespace" $namespace }}
{{- $selector := include "rollout-route.selector" $arguments | fromJson }}
{{- $unready := list }}
{{- $ready := list }}
{{- range get .pods $namespace }}
  {{- if include "rollout-route.selects" (dict "selector" $selector "labels" .labels) }}
    {{- $ready = ternary (append $ready .name) $ready .ready }}
    {{- $unready = ternary $unready (append $unready .name) .ready }}
  {{- end }}
{{- end }}
{{- if and .root.Values.guards.readiness (not $ready) }}
  {{- $labels := include "rollout-route.labelSelector" $selector }}
  {{- $found := empty $unready | ternary "it has no pod" (printf "not Ready: %s" (join ", " $unready)) }}
  {{- fail (printf "backend %s: InferencePool %s has no ready model server (%s), so its share of the requests would fail. Nothing was changed. Wait for it first:\n  kubectl --namespace %s wait pods --selector %s --for=condition=Ready --timeout=20m\nTo give it weight all the same, add --set guards.readiness=false" .backend.name .key $found $namespace $labels) }}
{{- end }}
{{- end }}

{{- /* Fails if the pool of a `backend` shares a pod with another pool that has requests `before` or `after`. */}}
{{- define "rollout-route.checkApart" -}}
{{- $own := default .root.Release.Namespace .backend.namespace }}
{{- range .root.Values.backends }}
  {{- $key := include "rollout-route.pool" (dict "backend" . "namespace" $.root.Release.Namespace) }}
  {{- $isUsed := or (get $.before $key | int) (get $.after $key | int) }}
  {{- $isNear := eq (default $.root.Release.Namespace .namespace) $own }}
  {{- if and $isUsed $isNear (ne $key $.key) }}
    {{- include "rollout-route.checkPair" (merge (dict "other" . "otherKey" $key "namespace" $own) $) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if the pools of `backend` and `other` share a pod of their `namespace`. */}}
{{- define "rollout-route.checkPair" -}}
{{- $arguments := dict "root" .root "namespace" .namespace }}
{{- $one := include "rollout-route.selector" (merge (dict "backend" .backend) $arguments) | fromJson }}
{{- $other := include "rollout-route.selector" (merge (dict "backend" .other) $arguments) | fromJson }}
{{- $shared := include "rollout-route.shared" (dict "one" $one "other" $other "pods" (get .pods .namespace)) }}
{{- if $shared }}
  {{- fail (printf "backend %s: InferencePools %s and %s select the same model servers (%s), so no weight between them moves a request, and deleting one pool's servers deletes the other's. Give each pool labels of its own in its selector; to go on all the same, add --set guards.pools=false" .backend.name .key .otherKey $shared) }}
{{- end }}
{{- end }}

{{- /* What the selectors `one` and `other` have in common: `pods` that both select, up to three, or both selectors if
       one includes the other and so shares every pod that is to come; empty if nothing. */}}
{{- define "rollout-route.shared" -}}
{{- $names := list }}
{{- range .pods }}
  {{- $isOne := include "rollout-route.selects" (dict "selector" $.one "labels" .labels) }}
  {{- $isOther := include "rollout-route.selects" (dict "selector" $.other "labels" .labels) }}
  {{- $names = ternary (append $names (printf "pod %s" .name)) $names (and $isOne $isOther | empty | not) }}
{{- end }}
{{- $includes := include "rollout-route.selects" (dict "selector" .one "labels" .other) }}
{{- $isIncluded := include "rollout-route.selects" (dict "selector" .other "labels" .one) }}
{{- $both := list (include "rollout-route.labelSelector" .one) (include "rollout-route.labelSelector" .other) }}
{{- if $names }}
  {{- slice $names 0 (min 3 (len $names) | int) | join ", " }}
{{- else if and .one .other (or $includes $isIncluded) }}
  {{- printf "by %s" (join " and " $both) }}
{{- end }}
{{- end }}

{{- /* Puts the pods of a `namespace` that do not end into the map `into`, unless they are there already: `name`,
       `labels` and whether the pod is `ready`. No pod is read without guards.readiness. */}}
{{- define "rollout-route.readPods" -}}
{{- $found := dict }}
{{- if and .root.Values.guards.readiness (not (hasKey .into .namespace)) }}
  {{- $found = lookup "v1" "Pod" .namespace "" }}
{{- end }}
{{- $pods := default list (get .into .namespace) }}
{{- range $found.items }}
  {{- $ended := or .metadata.deletionTimestamp (has .status.phase (list "Succeeded" "Failed")) }}
  {{- $isReady := include "rollout-route.isReady" . | eq "true" }}
  {{- $pod := dict "name" .metadata.name "labels" .metadata.labels "ready" $isReady }}
  {{- $pods = empty $ended | ternary (append $pods $pod) $pods }}
{{- end }}
{{- $_ := set .into .namespace $pods }}
{{- end }}

{{- /* "true" if a pod has the condition Ready. */}}
{{- define "rollout-route.isReady" -}}
{{- range .status.conditions }}
  {{- if and (eq .type "Ready") (eq .status "True") }}
    {{- print "true" }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* The labels by which the pool of a `backend` selects its pods, as JSON; empty if there is no such pool. */}}
{{- define "rollout-route.selector" -}}
{{- $api := include "rollout-route.poolApi" .backend }}
{{- $pool := dict }}
{{- if .root.Capabilities.APIVersions.Has (printf "%s/InferencePool" $api) }}
  {{- $pool = lookup $api "InferencePool" .namespace .backend.pool }}
{{- end }}
{{- $selector := dig "spec" "selector" dict $pool }}
{{- dig "matchLabels" $selector $selector | toJson }}
{{- end }}

{{- /* "true" if a `selector` (labels) selects what has these `labels`. */}}
{{- define "rollout-route.selects" -}}
{{- $missing := list }}
{{- range $key, $value := .selector }}
  {{- $has := eq (get (default dict $.labels) $key) $value }}
  {{- $missing = ternary $missing (append $missing $key) $has }}
{{- end }}
{{- or (empty .selector) $missing | empty | ternary "true" "" }}
{{- end }}

{{- /* Labels as the argument of kubectl's --selector. */}}
{{- define "rollout-route.labelSelector" -}}
{{- $words := list }}
{{- range $key, $value := . }}
  {{- $words = append $words (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $words }}
{{- end }}
