{{- /* Nothing, or a refusal of values that each are valid and together are not. */}}
{{- define "inferencepool.checks" -}}
{{- include "inferencepool.checkServiceName" . }}
{{- include "inferencepool.checkDrain" . }}
{{- include "inferencepool.checkLists" . }}
{{- include "inferencepool.checkAdapters" . }}
{{- include "inferencepool.checkLoraMode" . }}
{{- include "inferencepool.checkApi" . }}
{{- include "inferencepool.checkAliases" . }}
{{- include "inferencepool.checkObjectives" . }}
{{- include "inferencepool.checkEpp" . }}
{{- if .Values.epp.flags }}{{ include "inferencepool.checkFlags" . }}{{ end }}
{{- include "inferencepool.checkPlugins" . }}
{{- include "inferencepool.checkModelServer" . }}
{{- include "inferencepool.checkMetrics" . }}
{{- include "inferencepool.checkAdopt" . }}
{{- end }}

{{- /* Nothing, or a refusal because the name of the EPP, from the release or adopt.epp.name, can't be a Service's. */}}
{{- define "inferencepool.checkServiceName" -}}
{{- $name := include "inferencepool.eppName" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$" $name) -}}
{{- fail (printf "the EPP's Service can't be named %s: a Service's name begins with a letter and has letters, digits and - alone; name the release so, or set adopt.epp.name" $name) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because modelServer.drain does not let a generation end. */}}
{{- define "inferencepool.checkDrain" -}}
{{- with .Values.modelServer.drain -}}
{{- $needed := add .preStopSeconds .longestGenerationSeconds -}}
{{- if lt (int .terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "modelServer.drain.terminationGracePeriodSeconds is %d, but preStopSeconds (%d) and longestGenerationSeconds (%d) take %d: a generation would be cut; set it to %d or more" (int .terminationGracePeriodSeconds) (int .preStopSeconds) (int .longestGenerationSeconds) (int $needed) (int $needed)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because of lora: adapters without a mode or too many, twice the same id, another base model. */}}
{{- define "inferencepool.checkAdapters" -}}
{{- if and .Values.lora.adapters (eq .Values.lora.mode "none") -}}
{{- fail "lora.adapters are given, but lora.mode is none and nothing would load them; set lora.mode=syncer or empty lora.adapters" -}}
{{- end -}}
{{- if gt (int .Values.lora.maxLoras) (int .Values.lora.maxCpuLoras) -}}
{{- fail (printf "lora.maxLoras is %d, but lora.maxCpuLoras is %d and a batch can't have more adapters than are in memory; raise the latter" (int .Values.lora.maxLoras) (int .Values.lora.maxCpuLoras)) -}}
{{- end -}}
{{- if gt (len .Values.lora.adapters) (int .Values.lora.maxCpuLoras) -}}
{{- fail (printf "lora.adapters are %d, but lora.maxCpuLoras is %d and the server would keep no more; set lora.maxCpuLoras=%d or leave adapters out" (len .Values.lora.adapters) (int .Values.lora.maxCpuLoras) (len .Values.lora.adapters)) -}}
{{- end -}}
{{- $seen := dict -}}
{{- range concat .Values.lora.adapters .Values.lora.absent -}}
{{- if hasKey $seen .id -}}
{{- fail (printf "the adapter %s is named twice in lora.adapters and lora.absent; name it once" .id) -}}
{{- end -}}
{{- $_ := set $seen .id true -}}
{{- end -}}
{{- range .Values.lora.adapters -}}
{{- include "inferencepool.checkBaseModel" (dict "adapter" . "model" $.Values.model.name) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because `adapter` is for another base model than `model`. */}}
{{- define "inferencepool.checkBaseModel" -}}
{{- $for := .adapter.baseModel | default .model -}}
{{- if ne $for .model -}}
{{- fail (printf "the adapter %s of lora.adapters is for the base model %s, but model.name is %s; leave it out or take one that was trained for this model" .adapter.id $for .model) -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because lora.mode can't do what lora asks. */}}
{{- define "inferencepool.checkLoraMode" -}}
{{- with .Values.lora -}}
{{- if and .absent (ne .mode "syncer") -}}
{{- fail (printf "lora.absent is given, but lora.mode is %s and only the syncer unloads; set lora.mode=syncer or empty lora.absent" .mode) -}}
{{- end -}}
{{- if and .adapters (eq .mode "resolver") -}}
{{- fail "lora.adapters are given, but lora.mode is resolver, which finds each adapter by its name in lora.volume; empty lora.adapters" -}}
{{- end -}}
{{- if and (eq .mode "resolver") (not .volume) -}}
{{- fail "lora.mode is resolver, but lora.volume is empty and no adapter would be found; set lora.volume to the volume that holds them" -}}
{{- end -}}
{{- end -}}
{{- end }}
