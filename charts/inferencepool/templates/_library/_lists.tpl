{{- /* The map `own` with each field of the map `given` over it, as YAML. */}}
{{- define "inferencepool.over" -}}
{{- mergeOverwrite (deepCopy (.own | default dict)) .given | toYaml }}
{{- end }}

{{- /* The keys of a map that have a value, as YAML; empty if none has. */}}
{{- define "inferencepool.withoutEmpty" -}}
{{- $full := dict }}
{{- range $key, $value := . }}
  {{- if $value }}
    {{- $_ := set $full $key $value }}
  {{- end }}
{{- end }}
{{- with $full }}{{ toYaml . }}{{ end }}
{{- end }}
