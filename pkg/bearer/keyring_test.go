package bearer_test

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"tandem.example/pkg/bearer"
	"tandem.example/pkg/fault"
)

// The window in which tokens of the old kind run out closes by itself.
func TestSecretsCountUntilTheirEnd(t *testing.T) {
	t.Parallel()
	key := edKey(t)
	p := newPublisher(t, key)
	remote, err := bearer.NewRemote(p.URL, p.Client())
	if err != nil {
		t.Fatal(err)
	}
	old := secrets(t, secretA, "")
	d, _, first, _ := directory(t)
	hs := sign(t, old[0])
	for name, test := range map[string]struct {
		ring   *bearer.Keyring
		want   error
		signer string
	}{
		"nothing else":                     {&bearer.Keyring{Secrets: old}, nil, old[0].ID},
		"nothing else, an end long ago":    {&bearer.Keyring{Secrets: old, SecretsUntil: time.Unix(1, 0)}, nil, old[0].ID},
		"a directory, no end":              {&bearer.Keyring{Secrets: old, Directory: d}, bearer.ErrKey, first.Key.ID},
		"a directory, until later":         {&bearer.Keyring{Secrets: old, SecretsUntil: time.Now().Add(time.Hour), Directory: d}, nil, first.Key.ID},
		"a directory, until just now":      {&bearer.Keyring{Secrets: old, SecretsUntil: time.Now(), Directory: d}, bearer.ErrKey, first.Key.ID},
		"a publisher, no end":              {&bearer.Keyring{Secrets: old, Remote: remote}, bearer.ErrKey, ""},
		"a publisher, until later":         {&bearer.Keyring{Secrets: old, SecretsUntil: time.Now().Add(time.Hour), Remote: remote}, nil, old[0].ID},
		"a publisher and no secret at all": {&bearer.Keyring{SecretsUntil: time.Now().Add(time.Hour), Remote: remote}, bearer.ErrKey, ""},
	} {
		v := &bearer.Verifier{Keys: test.ring, Issuer: issuer, Audience: audience}
		if _, err := v.Verify(t.Context(), hs); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		signer, err := test.ring.Signing()
		if err == nil && signer.ID != test.signer || err != nil && (test.signer != "" || !errors.Is(err, bearer.ErrNoKey)) {
			t.Errorf("%s: %v signs, %v", name, signer, err)
		}
		if err := test.ring.Ready(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := &bearer.Verifier{Keys: &bearer.Keyring{Secrets: old, SecretsUntil: time.Now().Add(time.Hour), Remote: remote}, Issuer: issuer, Audience: audience}
	before := p.asked.Load()
	if _, err := v.Verify(t.Context(), sign(t, key)); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(t.Context(), hs); err != nil || p.asked.Load() > before+1 {
		t.Errorf("%v, asked %d times", err, p.asked.Load()-before)
	}
}

// Until the first key's time has come the secret goes on, if it still may; this
// is how all instances change over at one moment.
func TestTheSecretSignsUntilTheFirstKeyDoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	waiting := generate(t, dir, time.Now().Add(time.Hour))
	d, err := bearer.OpenDirectory(dir, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	old := secrets(t, secretA, "")
	for want, ring := range map[*bearer.Key]*bearer.Keyring{
		old[0]:      {Secrets: old, SecretsUntil: time.Now().Add(time.Hour), Directory: d},
		waiting.Key: {Secrets: old, Directory: d},
	} {
		if key, err := ring.Signing(); err != nil || key.ID != want.ID {
			t.Errorf("%v signs, %v", key, err)
		}
	}
	if err := bearer.RemoveKey(dir, waiting); err != nil {
		t.Fatal(err)
	}
	d.Look()
	ring := &bearer.Keyring{Secrets: old, Directory: d}
	if _, err := ring.Signing(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without a key: %v", err)
	}
	if err := ring.Ready(t.Context()); !errors.Is(err, bearer.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
}
