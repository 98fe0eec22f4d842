{{- /* The variable VLLM_API_KEY of a container that asks the model server, from modelServer.apiKey, as a YAML list;
       empty if the server asks for no key. */}}
{{- define "inferencepool.apiKeyEnv" -}}
{{- with .Values.modelServer.apiKey }}
{{- if .secretName -}}
- name: VLLM_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .secretName | quote }}
      key: {{ .key | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Pull secrets of a pod, from global.imagePullSecrets. */}}
{{- define "inferencepool.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
