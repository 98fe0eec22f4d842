{{- /* Name of the API version, a file of files/api: api.version, or what the cluster serves, or v1. */}}
{{- define "inferencepool.apiVersion" -}}
{{- $served := .Capabilities.APIVersions }}
{{- $pool := "inference.networking.k8s.io/v1/InferencePool" }}
{{- $oldPool := "inference.networking.x-k8s.io/v1alpha2/InferencePool" }}
{{- $objective := "inference.networking.x-k8s.io/v1alpha2/InferenceObjective" }}
{{- $routerObjective := "llm-d.ai/v1alpha2/InferenceObjective" }}
{{- if .Values.api.version }}
  {{- .Values.api.version }}
{{- else if and ($served.Has $routerObjective) (or (eq .Values.epp.family "router") (not ($served.Has $objective))) }}
  {{- print "router" }}
{{- else if and ($served.Has $oldPool) (not ($served.Has $pool)) }}
  {{- print "x-k8s" }}
{{- else }}
  {{- print "v1" }}
{{- end }}
{{- end }}

{{- /* The API version as JSON: poolVersion, modelVersion, objectiveVersion, rewriteVersion, epp. */}}
{{- define "inferencepool.api" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.apiPreset") }}
{{- end }}

{{- /* inferencepool.api from its file. */}}
{{- define "inferencepool.apiPreset" -}}
{{- .Files.Get (printf "files/api/%s.yaml" (include "inferencepool.apiVersion" .)) | fromYaml | toJson }}
{{- end }}

{{- /* Reference to the pool, from the API version and the release. */}}
{{- define "inferencepool.poolRef" -}}
group: {{ (include "inferencepool.api" . | fromJson).poolVersion | dir }}
kind: InferencePool
name: {{ .Release.Name | quote }}
{{- end }}
