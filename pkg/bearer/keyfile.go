package bearer

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// KeyFile is a signing key that lies in a directory of such, in a file named
// after the moment it begins to sign and after the key itself, so that both
// survive being copied and reviewed:
//
//	20261121T120000Z-kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k.pem
//
// The content is PKCS#8 in PEM (RFC 5958, RFC 8410), as openssl writes it.
type KeyFile struct {
	Key  *Key
	From time.Time
}

const (
	keyTime    = "20060102T150405Z"
	keySuffix  = ".pem"
	maxKeyFile = 4 << 10
)

// What is wrong with a file. The texts say nothing of its content.
var (
	errKeyName   = errors.New("is not named <YYYYMMDD>T<hhmmss>Z-<kid>.pem after the key in it")
	errKeyForm   = errors.New("does not hold one Ed25519 private key as PKCS#8 in PEM")
	errKeyRead   = errors.New("cannot be read")
	errKeyFormat = errors.New("is no small regular file")
)

// Name is the name of the file.
func (f KeyFile) Name() string { return f.From.UTC().Format(keyTime) + "-" + f.Key.ID + keySuffix }

// keyNames lists what may be keys. Names that begin with a dot are the links of
// a mounted Kubernetes Secret, or files not yet in place.
func keyNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, keySuffix) && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

// readKey returns [fs.ErrNotExist] for a file that has gone, and otherwise one
// of the errors above.
func readKey(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path) // before it is opened: opening a pipe waits
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxKeyFile) {
		return nil, errKeyFormat
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path) //nolint:gosec // the operator names the directory
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, errKeyRead
	default:
		return text, nil
	}
}

func parseKey(name string, text []byte) (KeyFile, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || strings.TrimSpace(string(rest)) != "" {
		return KeyFile{}, errKeyForm
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return KeyFile{}, errKeyForm
	}
	date, _, _ := strings.Cut(name, "-")
	from, err := time.Parse(keyTime, date)
	f := KeyFile{NewPrivateKey(private), from}
	if err != nil || f.Name() != name {
		return KeyFile{}, errKeyName
	}
	return f, nil
}

// ReadKeys reads a directory of signing keys, the newest first. What cannot be
// used is in the error, and all else in the list.
func ReadKeys(dir string) ([]KeyFile, error) {
	names, err := keyNames(dir)
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	var files []KeyFile
	var wrong []error
	for _, name := range names {
		text, err := readKey(dir, name)
		var f KeyFile
		if err == nil {
			f, err = parseKey(name, text)
		}
		switch {
		case err == nil:
			files = append(files, f)
		case !errors.Is(err, fs.ErrNotExist):
			wrong = append(wrong, fmt.Errorf("%s %w", name, err))
		}
	}
	sortKeys(files)
	return files, errors.Join(wrong...)
}

func sortKeys(files []KeyFile) {
	slices.SortFunc(files, func(a, b KeyFile) int { return strings.Compare(b.Name(), a.Name()) })
}

// SigningOf finds the key of a sorted list that signs at a moment: the newest
// whose time has come. If none has come, it is the one that comes next, and due
// is false.
func SigningOf(files []KeyFile, at time.Time) (f KeyFile, due bool) {
	for _, f := range files {
		if !f.From.After(at) {
			return f, true
		}
	}
	if len(files) > 0 {
		f = files[len(files)-1]
	}
	return f, false
}
