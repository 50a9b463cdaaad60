package bearer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// GenerateKey adds a key to a directory. It is there as a whole or not at all,
// readable by its owner alone.
func GenerateKey(dir string, from time.Time) (KeyFile, error) {
	f, private, err := newKeyFile(from)
	if err != nil {
		return KeyFile{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return KeyFile{}, fmt.Errorf("encode signing key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeWhole(dir, f.Name(), text); err != nil {
		return KeyFile{}, fmt.Errorf("write signing key: %w", err)
	}
	return f, nil
}

// newKeyFile makes a key whose id can be an argument of a command: it does not
// begin like a flag.
func newKeyFile(from time.Time) (KeyFile, ed25519.PrivateKey, error) {
	for {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return KeyFile{}, nil, fmt.Errorf("make signing key: %w", err)
		}
		if f := (KeyFile{NewPrivateKey(private), from.UTC().Truncate(time.Second)}); f.Key.ID[0] != '-' {
			return f, private, nil
		}
	}
}

// RemoveKey takes a key out of its directory for good.
func RemoveKey(dir string, f KeyFile) error {
	if err := errors.Join(os.Remove(filepath.Join(dir, f.Name())), syncDir(dir)); err != nil {
		return fmt.Errorf("remove signing key: %w", err)
	}
	return nil
}

// writeWhole puts a file in place once it is all on the disk. Readers of the
// directory pass over the name that it has until then.
func writeWhole(dir, name string, text []byte) (err error) {
	file, err := os.CreateTemp(dir, ".new-*") // for the owner alone
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
