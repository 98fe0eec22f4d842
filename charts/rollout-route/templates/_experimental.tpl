{{- /* Nothing, or a refusal of `retry` or `sessionPersistence` where the cluster's HTTPRoute has no such field and
       would drop it, from the rules of the `next` spec. */}}
{{- define "rollout-route.guardExperimental" -}}
{{- $used := list }}
{{- range $rule := .next.rules }}
  {{- range $key := list "retry" "sessionPersistence" }}
    {{- $used = ternary (append $used $key) $used (hasKey $rule $key) }}
  {{- end }}
{{- end }}
{{- range $key := uniq $used }}
  {{- if not (include "rollout-route.servedRuleFields" $ | fromJson | dig $key false) }}
    {{- fail (printf "%s: the HTTPRoute of this cluster has no such field; install the CRDs of the Gateway API's experimental channel, or leave %s out" $key $key) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fields of a rule in the cluster's HTTPRoute v1, as JSON, from its CustomResourceDefinition. */}}
{{- define "rollout-route.servedRuleFields" -}}
{{- $fields := dict }}
{{- range (lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "httproutes.gateway.networking.k8s.io").spec.versions }}
  {{- if eq .name "v1" }}
    {{- $fields = .schema.openAPIV3Schema.properties.spec.properties.rules.items.properties }}
  {{- end }}
{{- end }}
{{- $names := dict }}
{{- range $name := keys $fields }}
  {{- $_ := set $names $name true }}
{{- end }}
{{- toJson $names }}
{{- end }}
