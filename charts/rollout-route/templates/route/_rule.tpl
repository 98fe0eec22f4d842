{{- /* One rule of testers as JSON, from a `rule`, a `canary` and its `index`. */}}
{{- define "rollout-route.canaryRule" -}}
{{- $backend := include "rollout-route.backend" (dict "root" .root "name" .canary.backend "user" "canary") | fromJson }}
{{- $ref := include "rollout-route.backendRef" (dict "root" .root "backend" $backend "weight" 1) | fromJson }}
{{- $name := printf "%s.canary-%d" .rule.name .index }}
{{- $arguments := dict "root" .root "rule" .rule "name" $name "backendRefs" (list $ref) "mirror" false }}
{{- include "rollout-route.rule" (set $arguments "headers" .canary.headers) }}
{{- end }}

{{- /* One rule as JSON, from a `rule`, its `name`, its `backendRefs` and the `headers` that its matches ask beside
       their own. The name is unique in the cluster: Istio finds a rule's endpoint picker by it. */}}
{{- define "rollout-route.rule" -}}
{{- $values := .root.Values }}
{{- $rule := dict
  "name" (printf "%s.%s.%s" .root.Release.Namespace .root.Release.Name .name)
  "matches" (include "rollout-route.matches" . | fromJsonArray)
  "backendRefs" .backendRefs
}}
{{- with include "rollout-route.filters" . | fromJsonArray }}
  {{- $_ := set $rule "filters" . }}
{{- end }}
{{- range $key := list "timeouts" "retry" "sessionPersistence" }}
  {{- with default (get $values $key) (get $.rule $key) }}
    {{- $_ := set $rule $key . }}
  {{- end }}
{{- end }}
{{- include "rollout-route.checkTimeouts" $rule }}
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

{{- /* The matches of a `rule` as a JSON list: each of its matches for each of its models, with `headers`. A match
       without a path is one for each of `paths`. */}}
{{- define "rollout-route.matches" -}}
{{- $models := list }}
{{- range .rule.models }}
  {{- $models = append $models (list (dict "name" $.root.Values.modelHeader "value" .)) }}
{{- end }}
{{- $matches := list }}
{{- range $match := include "rollout-route.pathMatches" . | fromJsonArray }}
  {{- range $model := default (list list) $models }}
    {{- $headers := concat (default list $match.headers) $model $.headers }}
    {{- $full := include "rollout-route.match" (dict "match" $match "headers" $headers) | fromJson }}
    {{- include "rollout-route.checkMatch" (dict "match" $full "name" $.name) }}
    {{- $matches = append $matches $full }}
  {{- end }}
{{- end }}
{{- toJson $matches }}
{{- end }}

{{- /* The matches of a `rule` as a JSON list, each with a path: one without is repeated for each of `paths`. */}}
{{- define "rollout-route.pathMatches" -}}
{{- $matches := list }}
{{- range $match := default (list dict) .rule.matches }}
  {{- $paths := list }}
  {{- range $.root.Values.paths }}
    {{- $paths = append $paths (dict "value" .) }}
  {{- end }}
  {{- range default $paths (compact (list $match.path)) }}
    {{- $matches = append $matches (set (omit $match "path") "path" .) }}
  {{- end }}
{{- end }}
{{- toJson $matches }}
{{- end }}

{{- /* A `match` with its API defaults and with `headers` in place of its own, as JSON. */}}
{{- define "rollout-route.match" -}}
{{- $path := merge (dict) .match.path (dict "type" "PathPrefix" "value" "/") }}
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

{{- /* The filters of a `rule` as a JSON list, from its or the chart's header values and, if `mirror`, mirror. */}}
{{- define "rollout-route.filters" -}}
{{- $values := .root.Values }}
{{- $filters := list }}
{{- with default $values.requestHeaders .rule.requestHeaders }}
  {{- include "rollout-route.checkHeaders" (dict "list" "requestHeaders" "changes" . "name" $.rule.name) }}
  {{- $filters = append $filters (dict "type" "RequestHeaderModifier" "requestHeaderModifier" .) }}
{{- end }}
{{- include "rollout-route.checkPoolHeader" . }}
{{- with default $values.responseHeaders .rule.responseHeaders }}
  {{- include "rollout-route.checkHeaders" (dict "list" "responseHeaders" "changes" . "name" $.rule.name) }}
  {{- $filters = append $filters (dict "type" "ResponseHeaderModifier" "responseHeaderModifier" .) }}
{{- end }}
{{- with and .mirror (default $values.mirror .rule.mirror) }}
  {{- $backend := include "rollout-route.backend" (dict "root" $.root "name" .backend "user" "mirror") | fromJson }}
  {{- $mirror := dict "backendRef" (include "rollout-route.poolRef" $backend | fromJson) "percent" (int .percent) }}
  {{- $filters = append $filters (dict "type" "RequestMirror" "requestMirror" $mirror) }}
{{- end }}
{{- toJson $filters }}
{{- end }}
