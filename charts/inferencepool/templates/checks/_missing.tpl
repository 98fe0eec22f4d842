{{- /*
Fails if a value that has a default is missing: after an upgrade with --reuse-values, which takes all values from the
last revision and no default of this version of the chart, or where a key of the user's values is null or empty.
The paths in files/defaults.txt are written by ./scripts/chart-docs.
*/}}
{{- define "inferencepool.checkMissing" -}}
{{- $missing := list }}
{{- range .Files.Get "files/defaults.txt" | trim | splitList "\n" }}
  {{- $path := splitList "." . }}
  {{- $group := $.Values }}
  {{- range initial $path }}
    {{- $group = get $group . | default dict }}
  {{- end }}
  {{- if not (hasKey $group (last $path)) }}
    {{- $missing = append $missing . }}
  {{- end }}
{{- end }}
{{- if $missing }}
  {{- fail (printf "values are missing: %s; write --reset-then-reuse-values in the place of --reuse-values, which leaves out what is new in this version of the chart, or delete the keys that your values leave empty or set to null" (join ", " $missing)) }}
{{- end }}
{{- end }}
