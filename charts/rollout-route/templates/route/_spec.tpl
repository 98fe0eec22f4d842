{{- /* The HTTPRoute's spec as JSON. Every field that the API server would default is written, so that the live
       spec equals this one unless somebody changed it. */}}
{{- define "rollout-route.spec" -}}
{{- include "rollout-route.checkKind" . }}
{{- include "rollout-route.checkBackends" . }}
{{- include "rollout-route.checkParents" .Values.parentRefs }}
{{- $parentRefs := list }}
{{- range .Values.parentRefs }}
  {{- $parentRefs = append $parentRefs (merge (dict "group" "gateway.networking.k8s.io" "kind" "Gateway") .) }}
{{- end }}
{{- $rules := include "rollout-route.rules" . | fromJsonArray }}
{{- dict "parentRefs" $parentRefs "hostnames" .Values.hostnames "rules" $rules | toJson }}
{{- end }}

{{- /* Fails if a route of `kind` takes no InferencePool. */}}
{{- define "rollout-route.checkKind" -}}
{{- if ne .Values.kind "HTTPRoute" }}
  {{- fail (printf "kind: %s takes no InferencePool as backend, HTTPRoute does; a gRPC call is matched there by its path, /package.Service/Method" .Values.kind) }}
{{- end }}
{{- end }}

{{- /* The rules as a JSON list, from `rules`, `canary` and `cohort`; a rule's canary and cohort rules stand
       before it, in this order. */}}
{{- define "rollout-route.rules" -}}
{{- $split := include "rollout-route.split" . | fromJsonArray }}
{{- $names := list }}
{{- $rules := list }}
{{- range $rule := .Values.rules }}
  {{- $names = append $names $rule.name }}
  {{- range $index, $canary := $.Values.canary }}
    {{- $arguments := dict "root" $ "rule" $rule "canary" $canary "index" $index }}
    {{- $rules = append $rules (include "rollout-route.canaryRule" $arguments | fromJson) }}
  {{- end }}
  {{- $rules = concat $rules (include "rollout-route.cohortRules" (dict "root" $ "rule" $rule) | fromJsonArray) }}
  {{- $arguments := dict "root" $ "rule" $rule "name" $rule.name "backendRefs" $split "headers" list "mirror" true }}
  {{- $rules = append $rules (include "rollout-route.rule" $arguments | fromJson) }}
{{- end }}
{{- if ne (len $names) (len (uniq $names)) }}
  {{- fail (printf "rules: the names %s are not unique; a gateway may take one rule's endpoint picker for the other's: give each rule its own" (join ", " $names)) }}
{{- end }}
{{- if gt (len $rules) 16 }}
  {{- fail (printf "rules: with canary and cohort they make %d rules, and an HTTPRoute has room for 16: use another release for the rest" (len $rules)) }}
{{- end }}
{{- include "rollout-route.checkMatches" $rules }}
{{- toJson $rules }}
{{- end }}
