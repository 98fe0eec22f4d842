{{- /* Fails if values have a key under the name that it had in an earlier version of the chart. */}}
{{- define "inferencepool.checkRenamed" -}}
{{- $renamed := dict "api.generation" "api.version" "epp.generation" "epp.family" }}
{{- range $old, $new := $renamed }}
  {{- $path := splitList "." $old }}
  {{- if hasKey (get $.Values (first $path)) (last $path) }}
    {{- fail (printf "%s is now called %s; rename the key in your values" $old $new) }}
  {{- end }}
{{- end }}
{{- end }}
