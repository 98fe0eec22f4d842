{{- /* All checks of lora. */}}
{{- define "inferencepool.checkLora" -}}
{{- include "inferencepool.checkAdapters" . }}
{{- include "inferencepool.checkLoraMode" . }}
{{- end }}

{{- /* Fails if lora.adapters have no mode, are too many, name an id twice, or are for another base model. */}}
{{- define "inferencepool.checkAdapters" -}}
{{- $lora := .Values.lora }}
{{- $mode := include "inferencepool.loraMode" . }}
{{- $adapters := len $lora.adapters }}
{{- $room := int $lora.maxCpuLoras }}
{{- if and $lora.adapters (eq $mode "none") }}
  {{- fail "lora.adapters are given, but nothing would load them: lora.mode is none, or the server on this accelerator has no other; set lora.mode= (empty), or empty lora.adapters" }}
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
{{- $mode := include "inferencepool.loraMode" . }}
{{- if and $lora.absent (ne $mode "syncer") }}
  {{- fail (printf "lora.absent is given, but lora.mode is %s and only the syncer unloads; set lora.mode=syncer or empty lora.absent" $mode) }}
{{- end }}
{{- if and $lora.adapters (eq $mode "resolver") }}
  {{- fail "lora.adapters are given, but lora.mode is resolver, which finds each adapter by its name in lora.volume; empty lora.adapters" }}
{{- end }}
{{- $server := include "inferencepool.modelServer" . | fromJson }}
{{- $isRenamed := and $lora.adapters $server.adapterName (ne $mode "none") }}
{{- if and $isRenamed (eq .Values.pool.failureMode "FailOpen") }}
  {{- fail (printf "lora.adapters are given and modelServer.preset is %s, which answers a request for an adapter with the base model unless the EPP rewrites it, but pool.failureMode is FailOpen, by which requests pass without it; set pool.failureMode=FailClose" .Values.modelServer.preset) }}
{{- end }}
{{- $version := include "inferencepool.modelServerVersion" . | default "0.0.0" }}
{{- if and (ne $mode "none") $server.loraVersions (not (semverCompare ($server.loraVersions | default "*") $version)) }}
  {{- fail (printf "lora.mode is %s, but modelServer.preset %s serves adapters in the versions %s, and the image has %s; take a newer image" $mode .Values.modelServer.preset $server.loraVersions $version) }}
{{- end }}
{{- if and (eq $mode "resolver") (not $lora.volume) }}
  {{- fail "lora.mode is resolver, but lora.volume is empty and no adapter would be found; set lora.volume to the volume that holds them" }}
{{- end }}
{{- end }}
