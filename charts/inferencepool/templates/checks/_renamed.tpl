{{- /* Fails if values have a key under the name that it had in an earlier version of the chart. A key that is null
       counts as absent: `--set api.generation=null` is how a stored value goes away. */}}
{{- define "inferencepool.checkRenamed" -}}
{{- $renamed := dict
  "api.generation" "api.version"
  "epp.generation" "epp.family"
  "modelServer.custom.securityContext" "modelServer.securityContext"
}}
{{- range $old, $new := $renamed }}
  {{- $path := splitList "." $old }}
  {{- $holder := $.Values }}
  {{- range initial $path }}
    {{- $holder = get $holder . }}
  {{- end }}
  {{- if and (hasKey $holder (last $path)) (not (kindIs "invalid" (get $holder (last $path)))) }}
    {{- fail (printf "%s is now called %s; rename the key in your values" $old $new) }}
  {{- end }}
{{- end }}
{{- end }}
