package telemetry

import (
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger writes one JSON object a line to w, which need not be safe for
// concurrent use.
func NewLogger(cfg Config, service Service, w io.Writer) *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "ts", LevelKey: "level", NameKey: "logger", MessageKey: "msg", StacktraceKey: "stack",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeTime:     utc,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
		EncodeName:     zapcore.FullNameEncoder,
	})
	out := zapcore.Lock(zapcore.AddSync(w))
	return zap.New(zapcore.NewCore(encoder, out, cfg.LogLevel), zap.ErrorOutput(out)).With(
		zap.String("service", service.Name), zap.String("version", service.Version), zap.String("region", service.Region))
}

// utc writes times so that lines of all hosts sort as text: RFC 3339 with all
// nine digits, which time.RFC3339Nano would cut.
func utc(t time.Time, out zapcore.PrimitiveArrayEncoder) {
	const layout = "2006-01-02T15:04:05.000000000Z07:00"
	if appender, ok := out.(interface{ AppendTimeLayout(time.Time, string) }); ok {
		appender.AppendTimeLayout(t.UTC(), layout) // without a string in between
		return
	}
	out.AppendString(t.UTC().Format(layout))
}
