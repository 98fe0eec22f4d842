{{- /* The preset modelServer.preset as JSON, completed from modelServer, lora, model and pool: image, command, args,
       env, paths, engine, metrics and the other keys of files/model-servers/README.md. */}}
{{- define "inferencepool.modelServer" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.modelServerPreset") }}
{{- end }}

{{- /* inferencepool.modelServer from its file. */}}
{{- define "inferencepool.modelServerPreset" -}}
{{- $preset := .Files.Get (printf "files/model-servers/%s.yaml" .Values.modelServer.preset) | fromYaml }}
{{- if eq .Values.modelServer.preset "custom" }}
  {{- $engine := dict "engine" (.Values.modelServer.custom.engine | default "custom") }}
  {{- $preset = mergeOverwrite $preset (merge $engine .Values.modelServer.custom) }}
{{- end }}
{{- $hasStages := ne (int .Values.modelServer.pipelineParallelSize) 1 }}
{{- $pipelineArgs := ternary ($preset.pipelineArgs | default list) list $hasStages }}
{{- $loraArgs := ternary list ($preset.loraArgs | default list) (eq .Values.lora.mode "none") }}
{{- $loraEnv := get ($preset.loraEnv | default dict) .Values.lora.mode | default list }}
{{- $_ := set $preset "args" (concat ($preset.args | default list) $pipelineArgs $loraArgs) }}
{{- $_ := set $preset "env" (concat ($preset.env | default list) $loraEnv) }}
{{- $text := toJson $preset }}
{{- range $word, $value := include "inferencepool.words" . | fromJson }}
  {{- $text = replace (printf "{%s}" $word) (toJson $value | trimAll "\"") $text }}
{{- end }}
{{- $text }}
{{- end }}

{{- /* What the words in braces of a preset stand for, as JSON of strings, from modelServer, lora, model and pool. */}}
{{- define "inferencepool.words" -}}
{{- dict
  "modelPath" (include "inferencepool.modelPath" .)
  "model" .Values.model.name
  "port" (toString .Values.pool.targetPort)
  "tensorParallelSize" (include "inferencepool.tensorParallelSize" .)
  "pipelineParallelSize" (toString .Values.modelServer.pipelineParallelSize)
  "longestGenerationSeconds" (toString .Values.modelServer.drain.longestGenerationSeconds)
  "maxLoras" (toString .Values.lora.maxLoras)
  "maxRank" (toString .Values.lora.maxRank)
  "maxCpuLoras" (toString .Values.lora.maxCpuLoras)
  | toJson }}
{{- end }}

{{- /* What the server loads: model.name from a hub, else the folder that model.source mounts. */}}
{{- define "inferencepool.modelPath" -}}
{{- $folder := printf "/models/%s" .Values.model.source.path | trimSuffix "/" }}
{{- ternary .Values.model.name $folder (eq .Values.model.source.type "hub") }}
{{- end }}

{{- /* Image of the model server: modelServer.image over the accelerator's over the preset's. */}}
{{- define "inferencepool.modelServerImage" -}}
{{- $images := (include "inferencepool.accelerator" . | fromJson).images | default dict }}
{{- $forAccelerator := get $images .Values.modelServer.preset | default dict }}
{{- $preset := merge $forAccelerator (include "inferencepool.modelServer" . | fromJson).image }}
{{- include "inferencepool.image" (dict "root" . "image" .Values.modelServer.image "preset" $preset) }}
{{- end }}
