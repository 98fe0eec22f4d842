{{- /* The leaves of `value` below `path` as JSON, path: value; empty values are left out. */}}
{{- define "rollout-route.leaves" -}}
{{- $leaves := dict }}
{{- if kindIs "map" .value }}
  {{- range $key, $value := .value }}
    {{- $child := dict "path" (printf "%s.%s" $.path $key) "value" $value }}
    {{- $_ := mergeOverwrite $leaves (include "rollout-route.leaves" $child | fromJson) }}
  {{- end }}
{{- else if kindIs "slice" .value }}
  {{- range $index, $value := .value }}
    {{- $child := dict "path" (printf "%s[%d]" $.path $index) "value" $value }}
    {{- $_ := mergeOverwrite $leaves (include "rollout-route.leaves" $child | fromJson) }}
  {{- end }}
{{- else if .value }}
  {{- $_ := set $leaves (trimPrefix "." .path) .value }}
{{- end }}
{{- toJson $leaves }}
{{- end }}

{{- /* The leaves that differ between `old` and `new`, as a JSON list of lines; one that `except` has as `new` has it is
       left out. */}}
{{- define "rollout-route.differences" -}}
{{- $old := include "rollout-route.leaves" (dict "path" "" "value" .old) | fromJson }}
{{- $new := include "rollout-route.leaves" (dict "path" "" "value" .new) | fromJson }}
{{- $except := include "rollout-route.leaves" (dict "path" "" "value" .except) | fromJson }}
{{- $lines := list }}
{{- range $path := concat (keys $old) (keys $new) | uniq | sortAlpha }}
  {{- $before := get $old $path | toString }}
  {{- $after := get $new $path | toString }}
  {{- if and (ne $before $after) (or (not $.except) (ne (get $except $path | toString) $after)) }}
    {{- $line := printf "  %s: %s -> %s" $path ($before | default "(unset)") ($after | default "(unset)") }}
    {{- $lines = append $lines $line }}
  {{- end }}
{{- end }}
{{- toJson $lines }}
{{- end }}
