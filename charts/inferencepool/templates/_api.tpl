{{- /* Name of the API's generation, a file of files/api: api.generation, or what the cluster serves, or v1. */}}
{{- define "inferencepool.apiGeneration" -}}
{{- $pool := "inference.networking.k8s.io/v1/InferencePool" -}}
{{- $served := .Capabilities.APIVersions -}}
{{- if .Values.api.generation -}}
{{ .Values.api.generation }}
{{- else if and ($served.Has "llm-d.ai/v1alpha2/InferenceObjective") (not ($served.Has "inference.networking.x-k8s.io/v1alpha2/InferenceObjective")) -}}
router
{{- else if and ($served.Has "inference.networking.x-k8s.io/v1alpha2/InferencePool") (not ($served.Has $pool)) -}}
x-k8s
{{- else -}}
v1
{{- end -}}
{{- end }}

{{- /* The API's generation as JSON: poolVersion, modelVersion, objectiveVersion, rewriteVersion, epp. */}}
{{- define "inferencepool.api" -}}
{{- include "inferencepool.once" (dict "root" . "of" "inferencepool.apiPreset") -}}
{{- end }}

{{- /* inferencepool.api from its file. */}}
{{- define "inferencepool.apiPreset" -}}
{{- .Files.Get (printf "files/api/%s.yaml" (include "inferencepool.apiGeneration" .)) | fromYaml | toJson -}}
{{- end }}

{{- /* The pool as objects that belong to it name it, from the API's generation and the release. */}}
{{- define "inferencepool.poolRef" -}}
group: {{ (include "inferencepool.api" . | fromJson).poolVersion | dir }}
kind: InferencePool
name: {{ .Release.Name | quote }}
{{- end }}

{{- /* A part of an object's name from any `text`: itself, or what may stand in a name and a hash to tell it apart. */}}
{{- define "inferencepool.nameOf" -}}
{{- $plain := regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trunc 40 | trimAll "-" -}}
{{- ternary . (printf "%s-%s" $plain (sha256sum . | trunc 8) | trimPrefix "-") (eq $plain .) -}}
{{- end }}
