{{- /* Pull secrets of a pod, from global.imagePullSecrets. */}}
{{- define "inferencepool.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
