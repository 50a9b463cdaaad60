package bearer

import (
	"context"
	"time"
)

// Keyring is all keys that a process was configured with. One part of it at
// least is set.
type Keyring struct {
	// Secrets are the HS256 keys.
	Secrets KeySet
	// SecretsUntil ends the trust in Secrets once there are other keys: it is the
	// window in which tokens of the old kind run out. Zero is the past.
	SecretsUntil time.Time
	// Directory has the EdDSA keys of a service that signs.
	Directory *Directory
	// Remote has those of one that only verifies.
	Remote *Remote
}

// secrets are those that count now.
func (r *Keyring) secrets() KeySet {
	if (r.Directory != nil || r.Remote != nil) && !time.Now().Before(r.SecretsUntil) {
		return nil
	}
	return r.Secrets
}

// ByHeader implements [Keys].
func (r *Keyring) ByHeader(segment string) *Key {
	if r.Directory != nil {
		if key := r.Directory.ByHeader(segment); key != nil {
			return key
		}
	}
	if r.Remote != nil {
		if key := r.Remote.ByHeader(segment); key != nil {
			return key
		}
	}
	return r.secrets().ByHeader(segment)
}

// ByID implements [Keys]. It asks for the key only if it is not at hand.
func (r *Keyring) ByID(ctx context.Context, kid string) (*Key, error) {
	key, err := r.secrets().ByID(ctx, kid)
	if err != nil && r.Directory != nil {
		key, err = r.Directory.ByID(ctx, kid)
	}
	if err != nil && r.Remote != nil {
		key, err = r.Remote.ByID(ctx, kid)
	}
	return key, err
}

// Signing implements [Signer]. A directory whose first key is still to come
// leaves the work to the secret for so long, if that may still be used; this is
// how all instances of a service change over at one moment.
func (r *Keyring) Signing() (*Key, error) {
	if r.Directory == nil {
		return r.secrets().Signing()
	}
	key, due := r.Directory.signing(time.Now())
	if old := r.secrets(); !due && len(old) > 0 {
		return old.Signing()
	}
	if key == nil {
		return nil, ErrNoKey
	}
	return key, nil
}

// Public are the keys to publish.
func (r *Keyring) Public() KeySet {
	if r.Directory == nil {
		return nil
	}
	return r.Directory.Public()
}

// Ready tells whether tokens can be signed, or verified where none are signed.
func (r *Keyring) Ready(ctx context.Context) error {
	if r.Remote != nil {
		return r.Remote.Ready(ctx)
	}
	_, err := r.Signing()
	return err
}
