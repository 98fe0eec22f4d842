{{- /* The gateways of the route in words, from `parentRefs`. */}}
{{- define "rollout-route.gateways" -}}
{{- $names := list }}
{{- range .Values.parentRefs }}
  {{- $listener := empty .sectionName | ternary "" (printf " listener %s" .sectionName) }}
  {{- $names = append $names (printf "Gateway %s%s" .name $listener) }}
{{- end }}
{{- join ", " $names }}
{{- end }}

{{- /* The split of this revision beside that of the last one, as a table. */}}
{{- define "rollout-route.table" -}}
{{- $percents := include "rollout-route.percents" .root | fromJson }}
{{- $last := default dict .live.asked.weights }}
{{- $heading := .live.asked.revision | empty | ternary "" (printf "in revision %v" .live.asked.revision) }}
{{- $rows := list (printf "  %-16s %-40s %7s   %s" "backend" "pool" "percent" $heading) }}
{{- range .root.Values.backends }}
  {{- $pool := include "rollout-route.pool" (dict "backend" . "namespace" $.root.Release.Namespace) }}
  {{- $rows = append $rows (printf "  %-16s %-40s %7v   %v" .name $pool (get $percents .name) (get $last .name)) }}
{{- end }}
{{- join "\n" $rows }}
{{- end }}

{{- /* How to go back from this revision. */}}
{{- define "rollout-route.back" -}}
{{- $name := .root.Release.Name }}
{{- $namespace := .root.Release.Namespace }}
{{- if .live.asked.revision }}
  {{- $revision := toString .live.asked.revision }}
  {{- printf "Back to revision %s: helm rollback %s %s --namespace %s" $revision $name $revision $namespace }}
{{- else if .root.Release.IsUpgrade }}
  {{- printf "Back to the last revision: helm rollback %s --namespace %s" $name $namespace }}
{{- else }}
  {{- printf "Take it away: helm uninstall %s --namespace %s" $name $namespace }}
{{- end }}
{{- end }}
