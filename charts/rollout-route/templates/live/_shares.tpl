{{- /* Share of every pool of a `spec` in whole percent by its key, as JSON; the release's `namespace` is the default.
       */}}
{{- define "rollout-route.shares" -}}
{{- $weights := dict }}
{{- $sum := 0 }}
{{- range include "rollout-route.splitRefs" (default dict .spec) | fromJsonArray }}
  {{- $weight := int (dig "weight" 1 .) }}
  {{- $sum = add $sum $weight }}
  {{- $_ := set $weights (include "rollout-route.poolKey" (dict "ref" . "namespace" $.namespace)) $weight }}
{{- end }}
{{- range $pool, $weight := $weights }}
  {{- $_ := set $weights $pool (div (mul 100 $weight) (max $sum 1)) }}
{{- end }}
{{- toJson $weights }}
{{- end }}

{{- /* backendRefs of the first rule of a spec that splits by weight, so neither a canary's nor a cohort's, as a JSON
       list. */}}
{{- define "rollout-route.splitRefs" -}}
{{- $refs := list }}
{{- range reverse (default list .rules) }}
  {{- if not (regexMatch "[.](canary|cohort)-" (default "" .name)) }}
    {{- $refs = default list .backendRefs }}
  {{- end }}
{{- end }}
{{- toJson $refs }}
{{- end }}

{{- /* Key of every pool that a `spec` refers to, mirrors too, as a JSON list; `namespace` is the default. */}}
{{- define "rollout-route.pools" -}}
{{- $pools := list }}
{{- range default list (default dict .spec).rules }}
  {{- range concat (default list .backendRefs) (include "rollout-route.mirrorRefs" . | fromJsonArray) }}
    {{- $pools = append $pools (include "rollout-route.poolKey" (dict "ref" . "namespace" $.namespace)) }}
  {{- end }}
{{- end }}
{{- toJson $pools }}
{{- end }}

{{- /* backendRefs of the mirror filters of a rule, as a JSON list. */}}
{{- define "rollout-route.mirrorRefs" -}}
{{- $refs := list }}
{{- range default list .filters }}
  {{- with .requestMirror }}
    {{- $refs = append $refs .backendRef }}
  {{- end }}
{{- end }}
{{- toJson $refs }}
{{- end }}
