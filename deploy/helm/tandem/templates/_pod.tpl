{{/* The parts of a pod that do not differ: the "restricted" profile of the Pod Security Standards. */}}
{{- define "tandem.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tandem.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tandem.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* The authorities, as the source of one volume; nothing if there are none. */}}
{{- define "tandem.trust" -}}
{{- range $name, $from := .Values.trust }}
{{- if $from }}
- {{ ternary "configMap" "secret" (hasKey $from "configMap") }}:
    name: {{ $from.configMap | default $from.secret }}
    items: [{key: {{ $from.key }}, path: {{ $name }}.crt}]
{{- end }}
{{- end }}
{{- end }}
