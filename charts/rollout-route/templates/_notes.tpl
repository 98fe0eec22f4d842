{{- /* The gateways of the route in words, from `parentRefs`. */}}
{{- define "rollout-route.gateways" -}}
{{- $names := list }}
{{- range .Values.parentRefs }}
  {{- $names = append $names (printf "Gateway %s%s" .name (empty .sectionName | ternary "" (printf " listener %s" .sectionName))) }}
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
{{- $release := .root.Release }}
{{- if .live.asked.revision }}
  {{- printf "Back to revision %s: helm rollback %s %s --namespace %s" .live.asked.revision $release.Name .live.asked.revision $release.Namespace }}
{{- else if $release.IsUpgrade }}
  {{- printf "Back to the last revision: helm rollback %s --namespace %s" $release.Name $release.Namespace }}
{{- else }}
  {{- printf "Take it away: helm uninstall %s --namespace %s" $release.Name $release.Namespace }}
{{- end }}
{{- end }}

{{- /* What the operator should know of this revision, as JSON: {"remarks": [...]}. */}}
{{- define "rollout-route.remarks" -}}
{{- $guards := .root.Values.guards }}
{{- $remarks := list }}
{{- if not .live.read }}
  {{- $remarks = append $remarks (printf "NOT CHECKED: %s. The live route and its pools were not looked at." (ternary "no cluster was read (offline, or the namespace is new)" "guards.enabled is false" $guards.enabled)) }}
{{- end }}
{{- with (include "rollout-route.changesRemark" . ) }}
  {{- $remarks = append $remarks . }}
{{- end }}
{{- with (include "rollout-route.emptiedRemark" . ) }}
  {{- $remarks = append $remarks . }}
{{- end }}
{{- if not $guards.pools }}
  {{- $remarks = append $remarks "NOT CHECKED: guards.pools is false. Whether the pools are there and accepted was not looked at." }}
{{- end }}
{{- range $name := list "force" "allowChanges" }}
  {{- if get $guards $name }}
    {{- $remarks = append $remarks (printf "guards.%s=true is part of this revision's values: --reuse-values and --reset-then-reuse-values keep it on until it is set to false." $name) }}
  {{- end }}
{{- end }}
{{- if eq $guards.drift "overwrite" }}
  {{- $remarks = append $remarks (include "rollout-route.driftRemark" .) }}
{{- end }}
{{- dict "remarks" $remarks | toJson }}
{{- end }}

{{- /* What this revision changes beside the weights; nothing if it is the first. */}}
{{- define "rollout-route.changesRemark" -}}
{{- if .live.asked.values }}
  {{- with (include "rollout-route.changes" . | fromJson).lines }}
    {{- printf "Changed beside the weights:\n%s" (join "\n" .) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* That a pool which had a share until this revision is still answering; nothing if there is none. */}}
{{- define "rollout-route.emptiedRemark" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $asked := list }}
{{- range (include "rollout-route.splitRefs" (include "rollout-route.spec" .root | fromJson) | fromJson).refs }}
  {{- if gt (int (dig "weight" 1 .)) 0 }}{{ $asked = append $asked (include "rollout-route.poolKey" (dict "ref" . "namespace" $namespace)) }}{{ end }}
{{- end }}
{{- $emptied := list }}
{{- range $pool, $share := include "rollout-route.shares" (dict "spec" (default dict .live.spec) "namespace" $namespace) | fromJson }}
  {{- if and (gt (int $share) 0) (not (has $pool $asked)) }}{{ $emptied = append $emptied $pool }}{{ end }}
{{- end }}
{{- with $emptied }}
  {{- printf "%s: no more requests, but answers may still be under way, which helm uninstall would cut. Let your longest generation pass first." (join ", " .) }}
{{- end }}
{{- end }}

{{- /* What `guards.drift: overwrite` means for this revision. */}}
{{- define "rollout-route.driftRemark" -}}
{{- $next := include "rollout-route.spec" .root | fromJson }}
{{- with (include "rollout-route.drift" (dict "live" .live "next" $next) | fromJson).lines }}
  {{- printf "DRIFT: the live route was changed by hand:\n%s\nHelm overwrites that for certain only with %s." (join "\n" .) (include "rollout-route.overwrite" $.root) }}
{{- else }}
  {{- print "guards.drift=overwrite is part of this revision's values; the live route was not changed by hand." }}
{{- end }}
{{- end }}
