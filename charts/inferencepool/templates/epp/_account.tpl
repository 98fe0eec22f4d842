{{- /* Account of the EPP's pods: that of adopt.epp.template, else the chart's. */}}
{{- define "inferencepool.eppAccount" -}}
{{- $own := include "inferencepool.eppName" . }}
{{- with .Values.adopt.epp.template }}
  {{- $own = dig "spec" "serviceAccountName" "default" . }}
{{- end }}
{{- $own }}
{{- end }}

{{- /* "true" if the chart renders the EPP's account and its rights: an adopted EPP may have another account. */}}
{{- define "inferencepool.hasAccount" -}}
{{- eq (include "inferencepool.eppAccount" .) (include "inferencepool.eppName" .) | ternary "true" "" }}
{{- end }}
