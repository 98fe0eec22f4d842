{{- /* The HTTPRoute's spec as JSON. Every field that the API server would default is written, so that the live
       spec equals this one unless somebody changed it. */}}
{{- define "rollout-route.spec" -}}
{{- include "rollout-route.checkKind" . }}
{{- include "rollout-route.checkBackends" . }}
{{- $parentRefs := list }}
{{- range .Values.parentRefs }}
  {{- $parentRefs = append $parentRefs (merge (dict "group" "gateway.networking.k8s.io" "kind" "Gateway") .) }}
{{- end }}
{{- $rules := (include "rollout-route.rules" . | fromJson).rules }}
{{- dict "parentRefs" $parentRefs "hostnames" .Values.hostnames "rules" $rules | toJson }}
{{- end }}

{{- /* Nothing, or a refusal of a `kind` of route that takes no InferencePool. */}}
{{- define "rollout-route.checkKind" -}}
{{- if ne .Values.kind "HTTPRoute" }}
  {{- fail (printf "kind: %s takes no InferencePool as backend, HTTPRoute does; a gRPC call is matched there by its path, /package.Service/Method" .Values.kind) }}
{{- end }}
{{- end }}

{{- /* The rules as JSON: {"rules": [...]}, from `rules` and `canary`; the canary rules of a rule stand before it. */}}
{{- define "rollout-route.rules" -}}
{{- $split := (include "rollout-route.split" . | fromJson).refs }}
{{- $names := list }}
{{- $rules := list }}
{{- range $rule := .Values.rules }}
  {{- $names = append $names $rule.name }}
  {{- range $index, $canary := $.Values.canary }}
    {{- $rules = append $rules (include "rollout-route.canaryRule" (dict "root" $ "rule" $rule "canary" $canary "index" $index) | fromJson) }}
  {{- end }}
  {{- $arguments := dict "root" $ "rule" $rule "name" $rule.name "backendRefs" $split "headers" list "mirror" true }}
  {{- $rules = append $rules (include "rollout-route.rule" $arguments | fromJson) }}
{{- end }}
{{- if ne (len $names) (len (uniq $names)) }}
  {{- fail (printf "rules: the names %s are not unique; a gateway may take one rule's endpoint picker for the other's: give each rule its own" (join ", " $names)) }}
{{- end }}
{{- if gt (len $rules) 16 }}
  {{- fail (printf "rules: with canary they make %d rules, and an HTTPRoute has room for 16: use another release for the rest" (len $rules)) }}
{{- end }}
{{- dict "rules" $rules | toJson }}
{{- end }}

{{- /* One rule of testers as JSON, from a `rule`, a `canary` and its `index`. */}}
{{- define "rollout-route.canaryRule" -}}
{{- $backend := include "rollout-route.backend" (dict "root" .root "name" .canary.backend "user" "canary") | fromJson }}
{{- $ref := set (include "rollout-route.poolRef" $backend | fromJson) "weight" 1 }}
{{- $name := printf "%s.canary-%d" .rule.name .index }}
{{- include "rollout-route.rule" (dict "root" .root "rule" .rule "name" $name "backendRefs" (list $ref) "headers" .canary.headers "mirror" false) }}
{{- end }}

{{- /* One rule as JSON, from a `rule`, its `name`, its `backendRefs` and the `headers` that its matches ask beside
       their own. The name is unique in the cluster: Istio finds a rule's endpoint picker by it. */}}
{{- define "rollout-route.rule" -}}
{{- $values := .root.Values }}
{{- $rule := dict
  "name" (printf "%s.%s.%s" .root.Release.Namespace .root.Release.Name .name)
  "matches" (include "rollout-route.matches" . | fromJson).matches
  "backendRefs" .backendRefs }}
{{- with (include "rollout-route.filters" . | fromJson).filters }}
  {{- $_ := set $rule "filters" . }}
{{- end }}
{{- range $key := list "timeouts" "retry" "sessionPersistence" }}
  {{- with default (get $values $key) (get $.rule $key) }}
    {{- $_ := set $rule $key . }}
  {{- end }}
{{- end }}
{{- with $rule.sessionPersistence }}
  {{- $_ := set $rule "sessionPersistence" (include "rollout-route.sessionPersistence" . | fromJson) }}
{{- end }}
{{- toJson $rule }}
{{- end }}

{{- /* A session persistence with its API defaults, as JSON. */}}
{{- define "rollout-route.sessionPersistence" -}}
{{- $session := merge (dict) . (dict "type" "Cookie") }}
{{- with $session.cookieConfig }}
  {{- $_ := set $session "cookieConfig" (merge (dict) . (dict "lifetimeType" "Session")) }}
{{- end }}
{{- toJson $session }}
{{- end }}

{{- /* The matches of a `rule` as JSON: {"matches": [...]}: each of its matches for each of its models, with
       `headers`. */}}
{{- define "rollout-route.matches" -}}
{{- $models := list list }}
{{- with .rule.models }}
  {{- $models = list }}
  {{- range . }}
    {{- $models = append $models (list (dict "name" $.root.Values.modelHeader "value" .)) }}
  {{- end }}
{{- end }}
{{- $matches := list }}
{{- range $match := default (list dict) .rule.matches }}
  {{- range $model := $models }}
    {{- $headers := concat (default list $match.headers) $model $.headers }}
    {{- $matches = append $matches (include "rollout-route.match" (dict "match" $match "headers" $headers) | fromJson) }}
  {{- end }}
{{- end }}
{{- dict "matches" $matches | toJson }}
{{- end }}

{{- /* A `match` with its API defaults and with `headers` in place of its own, as JSON. */}}
{{- define "rollout-route.match" -}}
{{- $path := merge (dict) (default dict .match.path) (dict "type" "PathPrefix" "value" "/") }}
{{- $match := merge (dict "path" $path) (omit .match "path" "headers" "queryParams") }}
{{- range $key, $items := dict "headers" .headers "queryParams" (default list .match.queryParams) }}
  {{- $exact := list }}
  {{- range $items }}
    {{- $exact = append $exact (merge (dict) . (dict "type" "Exact")) }}
  {{- end }}
  {{- with $exact }}
    {{- $_ := set $match $key . }}
  {{- end }}
{{- end }}
{{- toJson $match }}
{{- end }}

{{- /* The filters of a `rule` as JSON: {"filters": [...]}, from its or the chart's header values and, if `mirror`,
       mirror. */}}
{{- define "rollout-route.filters" -}}
{{- $values := .root.Values }}
{{- $filters := list }}
{{- with default $values.requestHeaders .rule.requestHeaders }}
  {{- $filters = append $filters (dict "type" "RequestHeaderModifier" "requestHeaderModifier" .) }}
{{- end }}
{{- with default $values.responseHeaders .rule.responseHeaders }}
  {{- $filters = append $filters (dict "type" "ResponseHeaderModifier" "responseHeaderModifier" .) }}
{{- end }}
{{- with and .mirror (default $values.mirror .rule.mirror) }}
  {{- $backend := include "rollout-route.backend" (dict "root" $.root "name" .backend "user" "mirror") | fromJson }}
  {{- $mirror := dict "backendRef" (include "rollout-route.poolRef" $backend | fromJson) "percent" (int .percent) }}
  {{- $filters = append $filters (dict "type" "RequestMirror" "requestMirror" $mirror) }}
{{- end }}
{{- dict "filters" $filters | toJson }}
{{- end }}
