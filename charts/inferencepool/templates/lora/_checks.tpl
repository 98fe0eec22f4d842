{{- /* All checks of lora. */}}
{{- define "inferencepool.checkLora" -}}
{{- include "inferencepool.checkAdapters" . }}
{{- include "inferencepool.checkLoraMode" . }}
{{- end }}

{{- /* Fails if lora.adapters have no mode, are too many, name an id twice, or are for another base model. */}}
{{- define "inferencepool.checkAdapters" -}}
{{- $lora := .Values.lora }}
{{- $adapters := len $lora.adapters }}
{{- $room := int $lora.maxCpuLoras }}
{{- if and $lora.adapters (eq $lora.mode "none") }}
  {{- fail "lora.adapters are given, but lora.mode is none and nothing would load them; set lora.mode=syncer or empty lora.adapters" }}
{{- end }}
{{- if gt (int $lora.maxLoras) $room }}
  {{- fail (printf "lora.maxLoras is %d, but lora.maxCpuLoras is %d and a batch can't have more adapters than are in memory; raise the latter" (int $lora.maxLoras) $room) }}
{{- end }}
{{- if gt $adapters $room }}
  {{- fail (printf "lora.adapters are %d, but lora.maxCpuLoras is %d and the server would keep no more; set lora.maxCpuLoras=%d or leave adapters out" $adapters $room $adapters) }}
{{- end }}
{{- $ids := list }}
{{- range concat $lora.adapters $lora.absent }}
  {{- if has .id $ids }}
    {{- fail (printf "the adapter %s is named twice in lora.adapters and lora.absent; name it once" .id) }}
  {{- end }}
  {{- $ids = append $ids .id }}
{{- end }}
{{- range $lora.adapters }}
  {{- include "inferencepool.checkBaseModel" (dict "adapter" . "model" $.Values.model.name) }}
{{- end }}
{{- end }}

{{- /* Fails if an `adapter` is for another base model than `model`. */}}
{{- define "inferencepool.checkBaseModel" -}}
{{- $for := .adapter.baseModel | default .model }}
{{- if ne $for .model }}
  {{- fail (printf "the adapter %s of lora.adapters is for the base model %s, but model.name is %s; leave it out or take one that was trained for this model" .adapter.id $for .model) }}
{{- end }}
{{- end }}

{{- /* Fails if lora.mode does not support what else lora asks for. */}}
{{- define "inferencepool.checkLoraMode" -}}
{{- $lora := .Values.lora }}
{{- if and $lora.absent (ne $lora.mode "syncer") }}
  {{- fail (printf "lora.absent is given, but lora.mode is %s and only the syncer unloads; set lora.mode=syncer or empty lora.absent" $lora.mode) }}
{{- end }}
{{- if and $lora.adapters (eq $lora.mode "resolver") }}
  {{- fail "lora.adapters are given, but lora.mode is resolver, which finds each adapter by its name in lora.volume; empty lora.adapters" }}
{{- end }}
{{- if and (eq $lora.mode "resolver") (not $lora.volume) }}
  {{- fail "lora.mode is resolver, but lora.volume is empty and no adapter would be found; set lora.volume to the volume that holds them" }}
{{- end }}
{{- end }}
