{{- /* The chosen preset of modelServer.preset as JSON: image, command, args, env, healthPath, securityContext. */}}
{{- define "inferencepool.modelServer" -}}
{{- $path := printf "files/model-servers/%s.yaml" .Values.modelServer.preset -}}
{{- tpl (.Files.Get $path) . | fromYaml | toJson -}}
{{- end }}

{{- /* Image of the model server: modelServer.image over the preset's. */}}
{{- define "inferencepool.modelServerImage" -}}
{{- $preset := include "inferencepool.modelServer" . | fromJson -}}
{{- $chosen := pick .Values.modelServer.image "registry" "repository" "tag" "digest" -}}
{{- $set := dict -}}
{{- range $key, $value := $chosen }}{{ if $value }}{{ $_ := set $set $key $value }}{{ end }}{{ end -}}
{{- include "inferencepool.image" (dict "root" . "image" (merge $set $preset.image)) -}}
{{- end }}

{{- /* Environment of the model server: the preset's, the token's of model.huggingFaceToken, modelServer.extraEnv. */}}
{{- define "inferencepool.modelServerEnv" -}}
{{- $preset := include "inferencepool.modelServer" . | fromJson -}}
{{- $env := $preset.env | default list -}}
{{- with .Values.model.huggingFaceToken -}}
{{- if .secretName -}}
{{- $env = append $env (dict "name" "HF_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" .secretName "key" .key))) -}}
{{- end -}}
{{- end -}}
{{- concat $env .Values.modelServer.extraEnv | toYaml -}}
{{- end }}

{{- /* Image of the syncer: lora.syncer.image, its tag the chart's appVersion if empty. */}}
{{- define "inferencepool.syncerImage" -}}
{{- $image := merge (dict "tag" (.Values.lora.syncer.image.tag | default .Chart.AppVersion)) .Values.lora.syncer.image -}}
{{- include "inferencepool.image" (dict "root" . "image" $image) -}}
{{- end }}

{{- /* The syncer's configuration in the guide's shape, from lora, model and pool. */}}
{{- define "inferencepool.adapters" -}}
vLLMLoRAConfig:
  name: {{ .Release.Name }}-adapters
  port: {{ .Values.pool.targetPort }}
  defaultBaseModel: {{ .Values.model.name | quote }}
  ensureExist:
    {{- if not .Values.lora.adapters }}
    models: []
    {{- else }}
    models:
      {{- range .Values.lora.adapters }}
      - id: {{ .id | quote }}
        source: {{ .source | quote }}
        {{- with .baseModel }}
        base-model: {{ . | quote }}
        {{- end }}
      {{- end }}
    {{- end }}
  {{- with .Values.lora.absent }}
  ensureNotExist:
    models:
      {{- range . }}
      - id: {{ .id | quote }}
      {{- end }}
  {{- end }}
{{- end }}
