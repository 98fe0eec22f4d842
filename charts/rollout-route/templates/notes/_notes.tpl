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
{{- $heading := empty $last | ternary "" "before" }}
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
{{- $last := sub .root.Release.Revision 1 | int }}
{{- if .root.Release.IsUpgrade }}
  {{- printf "Back to revision %d: helm rollback %s %d --namespace %s" $last $name $last $namespace }}
  {{- if gt $last 1 }}
    {{- printf "\nIf helm history %s calls revision %d failed, it never served: name the one before it." $name $last }}
  {{- end }}
{{- else }}
  {{- printf "Take it away: helm uninstall %s --namespace %s" $name $namespace }}
{{- end }}
{{- end }}
