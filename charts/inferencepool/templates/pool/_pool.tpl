{{- /* Spec of an InferencePool of v1, from pool and the release. */}}
{{- define "inferencepool.poolSpec.v1" -}}
selector:
  matchLabels:
    {{- include "inferencepool.selector" (dict "root" . "component" "model-server") | nindent 4 }}
targetPorts:
  - number: {{ .Values.pool.targetPort }}
endpointPickerRef:
  group: ""
  kind: Service
  name: {{ include "inferencepool.eppName" . | quote }}
  port:
    number: 9002
  failureMode: {{ .Values.pool.failureMode }}
{{- end }}

{{- /* Spec of an InferencePool of v1alpha2, from pool and the release. */}}
{{- define "inferencepool.poolSpec.v1alpha2" -}}
selector:
  {{- include "inferencepool.selector" (dict "root" . "component" "model-server") | nindent 2 }}
targetPortNumber: {{ .Values.pool.targetPort }}
extensionRef:
  group: ""
  kind: Service
  name: {{ include "inferencepool.eppName" . | quote }}
  portNumber: 9002
  failureMode: {{ .Values.pool.failureMode }}
{{- end }}
