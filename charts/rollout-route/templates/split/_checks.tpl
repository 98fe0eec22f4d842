{{- /* Fails if an entry of `weights` is none of a backend that takes a weight, or is no percent. */}}
{{- define "rollout-route.checkWeight" -}}
{{- if not (hasKey .percents .name) }}
  {{- fail (printf "weights.%s: no backend has that name; the backends are %s" .name (keys .percents | sortAlpha | join ", ")) }}
{{- end }}
{{- if eq .name .rest }}
  {{- fail (printf "weights.%s: %s is the first of backends and takes what the others leave; set their weights instead" .name .name) }}
{{- end }}
{{- if not (regexMatch "^(100|[0-9]{1,2})$" (toString .percent)) }}
  {{- fail (printf "weights.%s: %v is not a whole percent from 0 to 100" .name .percent) }}
{{- end }}
{{- end }}

{{- /* Fails if no route can serve `backends`. */}}
{{- define "rollout-route.checkBackends" -}}
{{- $names := list }}
{{- $pools := list }}
{{- range .Values.backends }}
  {{- if ne (default "InferencePool" .kind) "InferencePool" }}
    {{- fail (printf "backends: %s is a %s; a rule that mixes kinds loses its endpoint picker, so every backend is an InferencePool: put an InferencePool before those pods" .name .kind) }}
  {{- end }}
  {{- $names = append $names .name }}
  {{- $pools = append $pools (include "rollout-route.pool" (dict "backend" . "namespace" $.Release.Namespace)) }}
{{- end }}
{{- if ne (len $names) (len (uniq $names)) }}
  {{- fail (printf "backends: the names %s are not unique; give each backend its own" (join ", " $names)) }}
{{- end }}
{{- if ne (len $pools) (len (uniq $pools)) }}
  {{- fail (printf "backends: the pools %s are not unique; name each pool once" (join ", " $pools)) }}
{{- end }}
{{- end }}
