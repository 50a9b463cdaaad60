package env_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"tandem.example/pkg/env"
)

func TestNoPrintShowsASecret(t *testing.T) {
	t.Parallel()
	const value = "hunter2"
	holder := struct {
		S env.Secret            `json:"s"`
		M map[string]env.Secret `json:"m"`
	}{value, map[string]env.Secret{"key": value}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", holder, holder.S)
	}
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
	zap.New(core).Info("config", zap.Any("secret", holder.S), zap.Any("holder", holder), zap.Stringer("s", holder.S))
	if text := out.String(); strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
		t.Fatalf("the secret is shown:\n%s", text)
	}
	if holder.S.Reveal() != value {
		t.Fatal("the secret is lost")
	}
}

func TestWeakness(t *testing.T) {
	t.Parallel()
	for secret, weak := range map[env.Secret]bool{
		"":                                 true,
		"0123456789abcdef0123456789abcde":  true, // 31 bytes
		"00000000000000000000000000000000": true,
		"9f86d081884c7d659a2feaa0c55ad015": false,
		"kM3v0sJ2Yq7Rb1Xw9Zt4Lc6Nf8Ph5Dg=": false,
	} {
		if got := secret.Weakness(); (got != "") != weak {
			t.Errorf("%q: %q", secret.Reveal(), got)
		}
	}
}

func TestPlaceholdersAreRefusedInProduction(t *testing.T) {
	t.Parallel()
	for value, refused := range map[string]bool{
		"Change-Me":                             true,
		"postgres":                              true,
		"my-super-secret-key-of-32-bytes-x":     true,
		"store://u:password@db.internal/d":      true,
		"store://u:f81d4fae7dec@db.example/d":   false, // only the password counts
		"store://db.internal/secret":            false,
		"f81d4fae7dec11d0a76500a0c91e6bf6f81d4": false,
	} {
		_, report := load(t, map[string]string{"STORE_URL": value})
		if (len(report) == 1) != refused {
			t.Errorf("%q: %v", value, report)
		}
	}
}
