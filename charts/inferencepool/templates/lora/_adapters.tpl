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

{{- /* Ways in which the server, on its accelerator, takes adapters, as a JSON list. */}}
{{- define "inferencepool.loraModes" -}}
{{- $file := include "inferencepool.cached" (dict "root" . "of" "inferencepool.modelServerFile") | fromJson }}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson }}
{{- dig "loraModes" .Values.modelServer.preset $file.loraModes $accelerator | toJson }}
{{- end }}

{{- /* How adapters come into the server: lora.mode, else the first way that the server has, and none without adapters.
       */}}
{{- define "inferencepool.loraMode" -}}
{{- $first := include "inferencepool.loraModes" . | fromJsonArray | first }}
{{- $isNamed := gt (len (concat .Values.lora.adapters .Values.lora.absent)) 0 }}
{{- .Values.lora.mode | default (ternary $first "none" $isNamed) }}
{{- end }}

{{- /* Arguments that load lora.adapters when the model server starts, by the preset's `staticAdapters`, as a JSON list;
       empty unless lora.mode is static. */}}
{{- define "inferencepool.loraModules" -}}
{{- $keys := (include "inferencepool.modelServer" . | fromJson).staticAdapters }}
{{- $modules := list }}
{{- range ternary .Values.lora.adapters list (eq (include "inferencepool.loraMode" .) "static") }}
  {{- $module := dict $keys.name .id $keys.path .source }}
  {{- with $keys.base }}
    {{- $_ := set $module . $.Values.model.name }}
  {{- end }}
  {{- $modules = append $modules (toJson $module) }}
{{- end }}
{{- ternary (prepend $modules ($keys.flag | default "")) list (gt (len $modules) 0) | toJson }}
{{- end }}

{{- /* Name by which requests reach a `model` on the servers of `root`: for an adapter the preset's `adapterName`, else
       the model's own. */}}
{{- define "inferencepool.servedName" -}}
{{- $form := (include "inferencepool.modelServer" .root | fromJson).adapterName }}
{{- $ids := list }}
{{- range .root.Values.lora.adapters }}
  {{- $ids = append $ids .id }}
{{- end }}
{{- ternary (replace "{id}" .model ($form | default "{id}")) .model (has .model $ids) }}
{{- end }}
