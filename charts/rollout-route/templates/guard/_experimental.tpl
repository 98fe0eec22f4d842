{{- /* Fails if the rules of the `next` spec use `retry` or `sessionPersistence` where the cluster's HTTPRoute has no
       such field and the API server would drop it. */}}
{{- define "rollout-route.guardExperimental" -}}
{{- $used := list }}
{{- range $rule := .next.rules }}
  {{- range $key := list "retry" "sessionPersistence" }}
    {{- $used = ternary (append $used $key) $used (hasKey $rule $key) }}
  {{- end }}
{{- end }}
{{- range $key := uniq $used }}
  {{- if not (has $key (include "rollout-route.servedRuleFields" $ | fromJsonArray)) }}
    {{- fail (printf "%s: the HTTPRoute of this cluster has no such field; install the CRDs of the Gateway API's experimental channel, or leave %s out" $key $key) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Names of the fields of a rule in the cluster's HTTPRoute v1, as a JSON list, from its CustomResourceDefinition.
       */}}
{{- define "rollout-route.servedRuleFields" -}}
{{- $crd := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "httproutes.gateway.networking.k8s.io" }}
{{- $fields := dict }}
{{- range $crd.spec.versions }}
  {{- if eq .name "v1" }}
    {{- $fields = .schema.openAPIV3Schema.properties.spec.properties.rules.items.properties }}
  {{- end }}
{{- end }}
{{- keys $fields | toJson }}
{{- end }}
