{{- /* What the named template `of` says of `root`, made once a rendering: helm reads a preset's file anew each time. */}}
{{- define "inferencepool.once" -}}
{{- $made := get .root "made" | default dict -}}
{{- if not (hasKey $made .of) -}}
{{- $_ := set $made .of (include .of .root) -}}
{{- $_ := set .root "made" $made -}}
{{- end -}}
{{- get $made .of -}}
{{- end }}
