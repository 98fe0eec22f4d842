{{- /* The preset modelServer.preset as JSON, completed from modelServer, lora, model and pool: image, command, args,
       env, paths, engine, metrics and the other keys of files/model-servers/README.md. */}}
{{- define "inferencepool.modelServer" -}}
{{- include "inferencepool.cached" (dict "root" . "of" "inferencepool.modelServerPreset") }}
{{- end }}

{{- /* The file of the preset modelServer.preset as JSON, with modelServer.custom. */}}
{{- define "inferencepool.modelServerFile" -}}
{{- $preset := .Files.Get (printf "files/model-servers/%s.yaml" .Values.modelServer.preset) | fromYaml }}
{{- if eq .Values.modelServer.preset "custom" }}
  {{- $engine := dict "engine" (.Values.modelServer.custom.engine | default "custom") }}
  {{- $preset = mergeOverwrite $preset (merge $engine .Values.modelServer.custom) }}
{{- end }}
{{- toJson $preset }}
{{- end }}

{{- /* inferencepool.modelServer from its file. */}}
{{- define "inferencepool.modelServerPreset" -}}
{{- $preset := include "inferencepool.cached" (dict "root" . "of" "inferencepool.modelServerFile") | fromJson }}
{{- $version := include "inferencepool.modelServerVersion" . | default $preset.image.tag }}
{{- range $preset.versionArgs }}
  {{- if semverCompare .versions $version }}
    {{- $_ := set $preset "args" (concat $preset.args .args) }}
  {{- end }}
{{- end }}
{{- $revisionArgs := ternary ($preset.revisionArgs | default list) list (ne .Values.model.revision "") }}
{{- $hasStages := ne (int .Values.modelServer.pipelineParallelSize) 1 }}
{{- $pipelineArgs := ternary ($preset.pipelineArgs | default list) list $hasStages }}
{{- $hasCopies := ne (int .Values.modelServer.dataParallelSize) 1 }}
{{- $dataArgs := ternary ($preset.dataArgs | default list) list $hasCopies }}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson }}
{{- $acceleratorArgs := dig "args" .Values.modelServer.preset list $accelerator }}
{{- $loraArgs := ternary list ($preset.loraArgs | default list) (eq (include "inferencepool.loraMode" .) "none") }}
{{- $loraEnv := get ($preset.loraEnv | default dict) (include "inferencepool.loraMode" .) | default list }}
{{- $args := concat ($preset.args | default list) $revisionArgs $pipelineArgs $dataArgs $loraArgs $acceleratorArgs }}
{{- $_ := set $preset "args" $args }}
{{- $_ := set $preset "loraModes" (include "inferencepool.loraModes" . | fromJsonArray) }}
{{- $acceleratorEnv := dig "env" .Values.provider list $accelerator }}
{{- $_ := set $preset "env" (concat ($preset.env | default list) $loraEnv $acceleratorEnv) }}
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
  "revision" .Values.model.revision
  "tokenizer" .Values.model.tokenizer
  "port" (toString .Values.pool.targetPort)
  "tensorParallelSize" (include "inferencepool.tensorParallelSize" .)
  "pipelineParallelSize" (toString .Values.modelServer.pipelineParallelSize)
  "dataParallelSize" (toString .Values.modelServer.dataParallelSize)
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

{{- /* The image that the chart has for modelServer.preset on accelerator.preset, as JSON: the accelerator's keys over
       the preset's. */}}
{{- define "inferencepool.modelServerOwnImage" -}}
{{- $images := (include "inferencepool.accelerator" . | fromJson).images | default dict }}
{{- $forAccelerator := get $images .Values.modelServer.preset | default dict }}
{{- $file := include "inferencepool.cached" (dict "root" . "of" "inferencepool.modelServerFile") | fromJson }}
{{- merge $forAccelerator $file.image | toJson }}
{{- end }}

{{- /* Image of the model server: modelServer.image over the chart's own. */}}
{{- define "inferencepool.modelServerImage" -}}
{{- $preset := include "inferencepool.modelServerOwnImage" . | fromJson }}
{{- include "inferencepool.image" (dict "root" . "image" .Values.modelServer.image "preset" $preset) }}
{{- end }}

{{- /* Version of the model server, such as 0.32.0: modelServer.version, else the version that the image's tag begins
       with; empty where neither tells it. */}}
{{- define "inferencepool.modelServerVersion" -}}
{{- $image := .Values.modelServer.image }}
{{- $own := ternary "" (include "inferencepool.modelServerOwnImage" . | fromJson).tag (not (empty $image.digest)) }}
{{- $tag := $image.tag | default $own | default "" }}
{{- .Values.modelServer.version | default (regexFind "^v?[0-9]{1,9}[.][0-9]{1,9}[.][0-9]{1,9}" $tag | trimPrefix "v") }}
{{- end }}
