{{- /* Fails if a weight is not set while the live route gives that backend requests. */}}
{{- define "rollout-route.guardUnset" -}}
{{- range rest .root.Values.backends }}
  {{- $pool := include "rollout-route.pool" (dict "backend" . "namespace" $.root.Release.Namespace) }}
  {{- $share := int (get $.before $pool) }}
  {{- $isSet := regexMatch "^[0-9]+$" (get $.root.Values.weights .name | toString) }}
  {{- if and $share (not $isSet) }}
    {{- fail (printf "weights.%s is not set by this revision, and the live route gives %s %d %%: --set weights.%s=%d keeps that, --set weights.%s=0 takes it away" .name .pool $share .name $share .name) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Fails if this revision moves weight and changes other values too. */}}
{{- define "rollout-route.guardChanges" -}}
{{- $changes := include "rollout-route.changes" . | fromJsonArray }}
{{- $moves := (include "rollout-route.moves" . | fromJson).lines }}
{{- $permission := dict "root" .root "live" .live "name" "allowChanges" }}
{{- if and $changes $moves (not (include "rollout-route.permits" $permission)) }}
  {{- $allow := include "rollout-route.permission" $permission }}
  {{- $spent := include "rollout-route.spent" $permission }}
  {{- $command := include "rollout-route.command" .root }}
  {{- fail (printf "a revision that moves weight changes nothing else, and this one does:\n%s\n%s\n(--set and -f without --reset-then-reuse-values put every value they do not name back to the chart's default.) %sNothing was changed. To keep the other values and move the weight:\n  %s\nTo do both in one revision on purpose, add %s"
    (join "\n" $moves) (join "\n" $changes) $spent $command $allow) }}
{{- end }}
{{- end }}

{{- /* Fails if the share of a pool changes by more than `guards.maxStep` points. */}}
{{- define "rollout-route.guardStep" -}}
{{- $moves := include "rollout-route.moves" . | fromJson }}
{{- $guards := .root.Values.guards }}
{{- $permission := dict "root" .root "live" .live "name" "force" }}
{{- if and (gt (int $moves.largest) (int $guards.maxStep)) (not (include "rollout-route.permits" $permission)) }}
  {{- $allow := include "rollout-route.permission" $permission }}
  {{- $spent := include "rollout-route.spent" $permission }}
  {{- $command := include "rollout-route.command" .root }}
  {{- fail (printf "this revision moves %d percent points at once, and guards.maxStep is %d:\n%s\n%sNothing was changed. Go in smaller steps, or, if the pools can take it:\n  %s %s"
    (int $moves.largest) (int $guards.maxStep) (join "\n" $moves.lines) $spent $command $allow) }}
{{- end }}
{{- end }}

{{- /* Values beside the weights that differ from those of the last revision, as a JSON list of lines. */}}
{{- define "rollout-route.changes" -}}
{{- $old := include "rollout-route.compared" (default dict .live.asked.values) | fromJson }}
{{- $new := include "rollout-route.values" .root | fromJson | include "rollout-route.compared" | fromJson }}
{{- if not (hasKey $old "guards") }}
  {{- $new = omit $new "guards" }}
{{- end }}
{{- include "rollout-route.differences" (dict "old" $old "new" $new "except" nil) }}
{{- end }}

{{- /* Recorded values without those guards whose silent return to the default can do no harm, as JSON: a permission
       given back, or a guard that is on again. Releases of charts before 0.2 recorded no guards. */}}
{{- define "rollout-route.compared" -}}
{{- $values := omit . "guards" }}
{{- with .guards }}
  {{- $_ := set $values "guards" (pick . "maxStep") }}
{{- end }}
{{- toJson $values }}
{{- end }}

{{- /* Pools whose share differs `before` and `after`, as JSON: `lines`, and the `largest` difference in percent
       points. */}}
{{- define "rollout-route.moves" -}}
{{- $lines := list }}
{{- $largest := 0 }}
{{- range $pool := concat (keys .before) (keys .after) | uniq | sortAlpha }}
  {{- $old := int (get $.before $pool) }}
  {{- $new := int (get $.after $pool) }}
  {{- if ne $old $new }}
    {{- $largest = max $largest (sub $new $old) (sub $old $new) }}
    {{- $lines = append $lines (printf "  requests to pool %s: %d %% -> %d %%" $pool $old $new) }}
  {{- end }}
{{- end }}
{{- dict "lines" $lines "largest" $largest | toJson }}
{{- end }}
