{{- /* The adapters as the syncer reads them, in the format of upstream's rollout guide, from lora, model and pool. */}}
{{- define "inferencepool.adapters" -}}
vLLMLoRAConfig:
  name: {{ include "inferencepool.adaptersName" . | quote }}
  port: {{ .Values.pool.targetPort }}
  defaultBaseModel: {{ .Values.model.name | quote }}
  ensureExist:
    models:{{ if not .Values.lora.adapters }} []{{ end }}
      {{- range .Values.lora.adapters }}
      - id: {{ .id | quote }}
        source: {{ .source | quote }}
        {{- with .baseModel }}
        base-model: {{ . | quote }}
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

{{- /* Arguments that load lora.adapters when the model server starts, as a JSON list; empty unless lora.mode is
       static. */}}
{{- define "inferencepool.loraModules" -}}
{{- $modules := list }}
{{- range ternary .Values.lora.adapters list (eq .Values.lora.mode "static") }}
  {{- $modules = append $modules (dict "name" .id "path" .source "base_model_name" $.Values.model.name | toJson) }}
{{- end }}
{{- ternary (prepend $modules "--lora-modules") list (gt (len $modules) 0) | toJson }}
{{- end }}
