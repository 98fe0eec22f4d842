{{- /* Fails if the live route is neither what the last revision asked for nor what this one asks for. */}}
{{- define "rollout-route.guardDrift" -}}
{{- $drift := include "rollout-route.drift" . | fromJsonArray }}
{{- if and $drift (ne .root.Values.guards.drift "overwrite") }}
  {{- $revision := default "unknown" .live.asked.revision }}
  {{- $command := include "rollout-route.command" .root }}
  {{- $flags := include "rollout-route.overwrite" .root }}
  {{- fail (printf "the live HTTPRoute %s is not what revision %s asked for; somebody changed it by hand:\n%s\nNothing was changed. Ask for the live state in this revision's values to keep it, or overwrite it with the values of this revision:\n  %s %s"
    .root.Release.Name $revision (join "\n" $drift) $command $flags) }}
{{- end }}
{{- end }}

{{- /* What differs between the live spec and the last asked one, and is not asked for now either, as a JSON list of
       lines, from `live` and `next`. */}}
{{- define "rollout-route.drift" -}}
{{- include "rollout-route.differences" (dict "old" .live.asked.spec "new" .live.spec "except" .next) }}
{{- end }}

{{- /* The flags by which this helm overwrites a hand edit. */}}
{{- define "rollout-route.overwrite" -}}
{{- $isHelm3 := hasPrefix "v3" .Capabilities.HelmVersion.Version }}
{{- $flags := ternary "--force" "--server-side=true --force-conflicts" $isHelm3 }}
{{- printf "--set guards.drift=overwrite %s" $flags }}
{{- end }}
