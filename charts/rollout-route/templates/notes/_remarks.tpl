{{- /* What the operator should know of this revision, as a JSON list of paragraphs. */}}
{{- define "rollout-route.remarks" -}}
{{- $remarks := list
  (include "rollout-route.uncheckedRemark" .)
  (include "rollout-route.changesRemark" .)
  (include "rollout-route.emptiedRemark" .)
  (include "rollout-route.unjudgedRemark" .)
  (include "rollout-route.permissionRemark" (dict "guards" .root.Values.guards "name" "force"))
  (include "rollout-route.permissionRemark" (dict "guards" .root.Values.guards "name" "allowChanges"))
  (include "rollout-route.driftRemark" .)
}}
{{- compact $remarks | toJson }}
{{- end }}

{{- /* That no guard ran; empty if they did. */}}
{{- define "rollout-route.uncheckedRemark" -}}
{{- if not .live.read }}
  {{- $offline := "no cluster was read (offline, or the namespace is new)" }}
  {{- $cause := ternary $offline "guards.enabled is false" .root.Values.guards.enabled }}
  {{- printf "NOT CHECKED: %s. No guard has read the live route and its pools." $cause }}
{{- end }}
{{- end }}

{{- /* What this revision changes beside the weights; empty if it is the first. */}}
{{- define "rollout-route.changesRemark" -}}
{{- if .live.asked.values }}
  {{- with include "rollout-route.changes" . | fromJsonArray }}
    {{- printf "Changed beside the weights:\n%s" (join "\n" .) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* That a pool which had a share until this revision still finishes responses; empty if there is none. */}}
{{- define "rollout-route.emptiedRemark" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $kept := list }}
{{- range include "rollout-route.splitRefs" (include "rollout-route.spec" .root | fromJson) | fromJsonArray }}
  {{- if gt (int (dig "weight" 1 .)) 0 }}
    {{- $kept = append $kept (include "rollout-route.poolKey" (dict "ref" . "namespace" $namespace)) }}
  {{- end }}
{{- end }}
{{- $emptied := list }}
{{- $before := include "rollout-route.shares" (dict "spec" .live.spec "namespace" $namespace) | fromJson }}
{{- range $pool, $share := $before }}
  {{- if and (gt (int $share) 0) (not (has $pool $kept)) }}
    {{- $emptied = append $emptied $pool }}
  {{- end }}
{{- end }}
{{- with $emptied }}
  {{- join ", " . }}: no more requests, but answers may still be under way, which helm uninstall would cut.
  {{- " Let your longest generation pass first." }}
{{- end }}
{{- end }}

{{- /* Which guards of pools are off, and so did not check them; empty if none is. */}}
{{- define "rollout-route.unjudgedRemark" -}}
{{- if not .root.Values.guards.pools }}
  {{- "NOT CHECKED: guards.pools is false. Whether the pools are there, accepted, ready and apart is not known." }}
{{- else if not .root.Values.guards.readiness }}
  {{- "NOT CHECKED: guards.readiness is false. Whether a model server of each pool is ready is not known." }}
{{- end }}
{{- end }}

{{- /* That the permission `name` of `guards` is among the values, and counts once; empty if it is not. */}}
{{- define "rollout-route.permissionRemark" -}}
{{- if get .guards .name }}
  {{- printf "guards.%s=%v is part of this revision's values, " .name (get .guards .name) }}
  {{- "and counts for this revision alone: a later revision that reuses it is checked as if it were false." }}
{{- end }}
{{- end }}

{{- /* What an overwriting `guards.drift` means for this revision; empty if it is `refuse`. */}}
{{- define "rollout-route.driftRemark" -}}
{{- if ne .root.Values.guards.drift "refuse" }}
  {{- $next := include "rollout-route.spec" .root | fromJson }}
  {{- with include "rollout-route.drift" (dict "live" .live "next" $next) | fromJsonArray }}
    {{- printf "DRIFT: the live route was changed by hand:\n%s\n" (join "\n" .) }}
    {{- printf "Helm overwrites that for certain only with %s." (include "rollout-route.overwrite" $) }}
  {{- else }}
    {{- printf "guards.drift=%s is part of this revision's values, " $.root.Values.guards.drift }}
    {{- "and counts for this revision alone; the live route was not changed by hand." }}
  {{- end }}
{{- end }}
{{- end }}
