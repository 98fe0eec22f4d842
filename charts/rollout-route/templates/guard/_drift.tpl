{{- /* Fails if the live route is neither what the last revision asked for nor what this one asks for. */}}
{{- define "rollout-route.guardDrift" -}}
{{- $drift := include "rollout-route.drift" . | fromJsonArray }}
{{- if and $drift (not (include "rollout-route.permits" (dict "root" .root "live" .live "name" "drift"))) }}
  {{- $command := include "rollout-route.command" .root }}
  {{- $flags := include "rollout-route.overwrite" . }}
  {{- $spent := include "rollout-route.spent" (dict "root" .root "live" .live "name" "drift") }}
  {{- fail (printf "the live HTTPRoute %s is not what its last revision asked for; somebody changed it by hand:\n%s\n%sNothing was changed. Ask for the live state in this revision's values to keep it, or overwrite it with the values of this revision:\n  %s %s"
    .root.Release.Name (join "\n" $drift) $spent $command $flags) }}
{{- end }}
{{- end }}

{{- /* What differs between the live spec and the last asked one, and is not asked for now either, as a JSON list of
       lines, from `live` and `next`. */}}
{{- define "rollout-route.drift" -}}
{{- include "rollout-route.differences" (dict "old" .live.asked.spec "new" .live.spec "except" .next) }}
{{- end }}

{{- /* The flags by which this helm overwrites the hand edit that made the `live` route. */}}
{{- define "rollout-route.overwrite" -}}
{{- $isHelm3 := hasPrefix "v3" .root.Capabilities.HelmVersion.Version }}
{{- $flags := ternary "--force" "--server-side=true --force-conflicts" $isHelm3 }}
{{- printf "%s %s" (include "rollout-route.permission" (dict "live" .live "name" "drift")) $flags }}
{{- end }}
