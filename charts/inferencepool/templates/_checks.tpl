{{- /* Nothing, or a refusal of values that each are valid and together are not. */}}
{{- define "inferencepool.checks" -}}
{{- include "inferencepool.checkDrain" . }}
{{- include "inferencepool.checkAdapters" . }}
{{- include "inferencepool.checkAliases" . }}
{{- include "inferencepool.checkPlugins" . }}
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

{{- /* Nothing, or a refusal because of lora: adapters without a mode, twice the same id, another base model. */}}
{{- define "inferencepool.checkAdapters" -}}
{{- if and .Values.lora.adapters (eq .Values.lora.mode "none") -}}
{{- fail "lora.adapters are given, but lora.mode is none and nothing would load them; set lora.mode=syncer or empty lora.adapters" -}}
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

{{- /* Nothing, or a refusal because several targets of one of aliases are not all weighted. */}}
{{- define "inferencepool.checkAliases" -}}
{{- range .Values.aliases -}}
{{- $weighted := 0 -}}
{{- range .targets }}{{ if hasKey . "weight" }}{{ $weighted = add1 $weighted }}{{ end }}{{ end -}}
{{- if and (gt (len .targets) 1) (ne (int $weighted) (len .targets)) -}}
{{- fail (printf "the alias %s has %d targets and %d of them a weight; give each one a weight" .model (len .targets) (int $weighted)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because epp.plugins names custom without a config, or a config without naming custom. */}}
{{- define "inferencepool.checkPlugins" -}}
{{- with .Values.epp.plugins -}}
{{- if and (eq .preset "custom") (not .custom) -}}
{{- fail "epp.plugins.preset is custom, but epp.plugins.custom is empty; put the EndpointPickerConfig there" -}}
{{- end -}}
{{- if and .custom (ne .preset "custom") -}}
{{- fail (printf "epp.plugins.custom is given, but epp.plugins.preset is %s and it would be ignored; set epp.plugins.preset=custom" .preset) -}}
{{- end -}}
{{- end -}}
{{- end }}
