{{- /* Turns the whole numbers of a map and of the maps in it into integers, in place: Helm reads them from a file as
       floats, of which a template prints 1000000 as 1e+06. */}}
{{- define "inferencepool.wholeNumbers" -}}
{{- $map := . }}
{{- range $key, $value := $map }}
  {{- if kindIs "map" $value }}
    {{- include "inferencepool.wholeNumbers" $value }}
  {{- else if and (kindIs "float64" $value) (eq (toString (floor $value)) (toString $value)) }}
    {{- $_ := set $map $key (int64 $value) }}
  {{- end }}
{{- end }}
{{- end }}
