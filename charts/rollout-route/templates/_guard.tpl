{{- /* Nothing, or a refusal of this revision beside what the cluster serves now, from all values. */}}
{{- define "rollout-route.guard" -}}
{{- $live := include "rollout-route.live" . | fromJson }}
{{- $next := include "rollout-route.spec" . | fromJson }}
{{- $after := include "rollout-route.shares" (dict "spec" $next "namespace" .Release.Namespace) | fromJson }}
{{- $before := include "rollout-route.shares" (dict "spec" (default dict $live.spec) "namespace" .Release.Namespace) | fromJson }}
{{- $revision := dict "root" . "live" $live "next" $next "before" $before "after" $after }}
{{- if $live.owned }}
  {{- include "rollout-route.guardDrift" $revision }}
{{- end }}
{{- if $live.found }}
  {{- include "rollout-route.guardUnset" $revision }}
{{- end }}
{{- if $live.owned }}
  {{- include "rollout-route.guardChanges" $revision }}
{{- end }}
{{- if $live.found }}
  {{- include "rollout-route.guardStep" $revision }}
{{- end }}
{{- if $live.read }}
  {{- include "rollout-route.guardExperimental" $revision }}
{{- end }}
{{- if and $live.read .Values.guards.pools }}
  {{- include "rollout-route.guardPools" $revision }}
{{- end }}
{{- end }}

{{- /* Nothing, or a refusal because the live route is neither what the last revision asked nor what this one asks. */}}
{{- define "rollout-route.guardDrift" -}}
{{- $drift := (include "rollout-route.drift" . | fromJson).lines }}
{{- if and $drift (ne .root.Values.guards.drift "overwrite") }}
  {{- fail (printf "the live HTTPRoute %s is not what revision %s asked for; somebody changed it by hand:\n%s\nNothing was changed. Ask for the live state in this revision's values to keep it, or overwrite it with the values of this revision:\n  %s %s" .root.Release.Name (default "unknown" .live.asked.revision) (join "\n" $drift) (include "rollout-route.command" .root) (include "rollout-route.overwrite" .root)) }}
{{- end }}
{{- end }}

{{- /* What differs between the live spec and the last asked one, and is not asked now either, as JSON: {"lines":
       [...]}. */}}
{{- define "rollout-route.drift" -}}
{{- $asked := include "rollout-route.leaves" (dict "path" "" "value" .live.asked.spec) | fromJson }}
{{- $is := include "rollout-route.leaves" (dict "path" "" "value" .live.spec) | fromJson }}
{{- $next := include "rollout-route.leaves" (dict "path" "" "value" .next) | fromJson }}
{{- $lines := list }}
{{- range $path := concat (keys $asked) (keys $is) | uniq | sortAlpha }}
  {{- $differs := ne (get $asked $path | toString) (get $is $path | toString) }}
  {{- if and $differs (ne (get $next $path | toString) (get $is $path | toString)) }}
    {{- $lines = append $lines (include "rollout-route.change" (dict "path" $path "old" (get $asked $path) "new" (get $is $path))) }}
  {{- end }}
{{- end }}
{{- dict "lines" $lines | toJson }}
{{- end }}

{{- /* Nothing, or a refusal because a weight is not set while the live route gives that backend requests. */}}
{{- define "rollout-route.guardUnset" -}}
{{- range rest .root.Values.backends }}
  {{- $share := int (get $.before (include "rollout-route.pool" (dict "backend" . "namespace" $.root.Release.Namespace))) }}
  {{- $isSet := regexMatch "^[0-9]+$" (get $.root.Values.weights .name | toString) }}
  {{- if and $share (not $isSet) }}
    {{- fail (printf "weights.%s is not set by this revision, and the live route gives %s %d %%: --set weights.%s=%d keeps that, --set weights.%s=0 takes it away" .name .pool $share .name $share .name) }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Nothing, or a refusal because this revision moves weight and changes other values too. */}}
{{- define "rollout-route.guardChanges" -}}
{{- $changes := (include "rollout-route.changes" . | fromJson).lines }}
{{- $moves := (include "rollout-route.moves" . | fromJson).lines }}
{{- if and $changes $moves (not .root.Values.guards.allowChanges) }}
  {{- fail (printf "a revision that moves weight changes nothing else, and this one does:\n%s\n%s\n(--set and -f without --reset-then-reuse-values put every value they do not name back to the chart's default.) Nothing was changed. To keep the other values and move the weight:\n  %s\nTo do both in one revision on purpose, add --set guards.allowChanges=true" (join "\n" $moves) (join "\n" $changes) (include "rollout-route.command" .root)) }}
{{- end }}
{{- end }}

{{- /* Values beside the weights that differ from those of the last revision, as JSON: {"lines": [...]}. */}}
{{- define "rollout-route.changes" -}}
{{- $old := include "rollout-route.leaves" (dict "path" "" "value" .live.asked.values) | fromJson }}
{{- $new := include "rollout-route.leaves" (dict "path" "" "value" (include "rollout-route.values" .root | fromJson)) | fromJson }}
{{- $lines := list }}
{{- range $path := concat (keys $old) (keys $new) | uniq | sortAlpha }}
  {{- if ne (get $old $path | toString) (get $new $path | toString) }}
    {{- $lines = append $lines (include "rollout-route.change" (dict "path" $path "old" (get $old $path) "new" (get $new $path))) }}
  {{- end }}
{{- end }}
{{- dict "lines" $lines | toJson }}
{{- end }}

{{- /* Pools whose share differs `before` and `after`, as JSON: {"lines": [...], "largest": percent points}. */}}
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

{{- /* One changed `path` as a line, with its `old` and `new` value. */}}
{{- define "rollout-route.change" -}}
{{- printf "  %s: %s -> %s" .path (toString .old | default "(unset)") (toString .new | default "(unset)") }}
{{- end }}

{{- /* Nothing, or a refusal because the share of a pool changes by more than `guards.maxStep` points. */}}
{{- define "rollout-route.guardStep" -}}
{{- $moves := include "rollout-route.moves" . | fromJson }}
{{- $guards := .root.Values.guards }}
{{- if and (gt (int $moves.largest) (int $guards.maxStep)) (not $guards.force) }}
  {{- fail (printf "this revision moves %d percent points at once, and guards.maxStep is %d:\n%s\nNothing was changed. Go in smaller steps, or, if the pools can take it:\n  %s --set guards.force=true" (int $moves.largest) (int $guards.maxStep) (join "\n" $moves.lines) (include "rollout-route.command" .root)) }}
{{- end }}
{{- end }}

{{- /* The upgrade that keeps all other values and sets the weights of this revision. */}}
{{- define "rollout-route.command" -}}
{{- $words := list "helm upgrade" .Release.Name "charts/rollout-route --namespace" .Release.Namespace "--reset-then-reuse-values" }}
{{- range $name, $percent := .Values.weights }}
  {{- if not (kindIs "invalid" $percent) }}
    {{- $words = append $words (printf "--set weights.%s=%d" $name (int $percent)) }}
  {{- end }}
{{- end }}
{{- join " " $words }}
{{- end }}

{{- /* The flags that make this helm overwrite a hand edit. */}}
{{- define "rollout-route.overwrite" -}}
{{- $flags := hasPrefix "v3" .Capabilities.HelmVersion.Version | ternary "--force" "--server-side=true --force-conflicts" }}
{{- printf "--set guards.drift=overwrite %s" $flags }}
{{- end }}
