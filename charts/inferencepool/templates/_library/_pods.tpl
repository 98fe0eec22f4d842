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

{{- /* Security context of a container that passes the restricted profile of Pod Security and writes nothing. */}}
{{- define "inferencepool.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Security context of a pod that passes that profile. */}}
{{- define "inferencepool.restrictedPod" -}}
runAsNonRoot: true
runAsUser: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* Pull secrets of a pod, from global.imagePullSecrets. */}}
{{- define "inferencepool.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
