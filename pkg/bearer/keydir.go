package bearer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// lookEvery is how soon a change of the files is noticed. They are small;
// reading them finds every way of replacing a file, which watching them does
// not.
const lookEvery = 2 * time.Second

// Directory is the signing keys of a directory (see [KeyFile]), and follows it.
// Whoever has a file there has a key that verifies; the newest whose time has
// come signs. A file that is damaged leaves the key that it held; one that is
// removed takes its key with it. It is safe for concurrent use.
type Directory struct {
	path string
	log  *zap.Logger
	held atomic.Pointer[heldKeys]

	mu    sync.Mutex // guards files and wrong
	files map[string]lookedAt
	wrong map[string]string // what was last said of a file or, under "", of the directory
}

// lookedAt is a file that was good when it was last read so.
type lookedAt struct {
	KeyFile

	sum [sha256.Size]byte
}

// heldKeys is all keys at one moment.
type heldKeys struct {
	files []KeyFile // the newest first
	keys  KeySet    // the same
}

// OpenDirectory reads the directory. It fails if there is no usable key in it:
// a service that was set up like that must not start.
func OpenDirectory(path string, log *zap.Logger) (*Directory, error) {
	d := &Directory{path: path, log: log, files: map[string]lookedAt{}, wrong: map[string]string{}}
	d.held.Store(&heldKeys{})
	d.Look()
	if len(d.held.Load().files) == 0 {
		return nil, fmt.Errorf("open signing keys: %w", errNoKeys)
	}
	return d, nil
}

var errNoKeys = errors.New("there is no usable key in the directory")

// Follow looks at the directory again and again until ctx ends.
func (d *Directory) Follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.Look()
		}
	}
}

// Look reads the directory now.
func (d *Directory) Look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	names, err := d.names()
	if err != nil {
		d.complain("", errKeyRead) // the keys stay: this is no removal
		return
	}
	wrong, changed := map[string]error{}, false
	present := make(map[string]lookedAt, len(names))
	for _, name := range names {
		before, known := d.files[name]
		now, err := d.read(name, before)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			wrong[name] = err
			if !known {
				continue
			}
			now = before
		}
		present[name] = now
		changed = changed || !known
	}
	if changed = changed || len(present) != len(d.files); changed {
		d.hold(present)
	}
	d.settle(wrong)
}

// names lists the files. A key that seems to have gone may only have been
// renamed between two parts of the listing, so that is looked at twice. A
// directory that is not there any more is an empty one.
func (d *Directory) names() ([]string, error) {
	names, err := keyNames(d.path)
	for name := range d.files {
		if err == nil && !slices.Contains(names, name) {
			names, err = keyNames(d.path)
			break
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

func (d *Directory) read(name string, before lookedAt) (lookedAt, error) {
	text, err := readKey(d.path, name)
	if err != nil {
		return lookedAt{}, err
	}
	sum := sha256.Sum256(text)
	if before.Key != nil && sum == before.sum {
		return before, nil
	}
	f, err := parseKey(name, text)
	return lookedAt{f, sum}, err
}

// hold makes these the keys. Two files of one key, as while it is renamed, are
// one key that signs from the earlier moment.
func (d *Directory) hold(present map[string]lookedAt) {
	earliest := map[string]KeyFile{}
	for _, f := range present {
		if other, twice := earliest[f.Key.ID]; !twice || f.From.Before(other.From) {
			earliest[f.Key.ID] = f.KeyFile
		}
	}
	held := &heldKeys{}
	for _, f := range earliest {
		held.files = append(held.files, f)
	}
	sortKeys(held.files)
	said := make([]string, 0, len(held.files))
	for _, f := range held.files {
		held.keys = append(held.keys, f.Key)
		said = append(said, strings.TrimSuffix(f.Name(), keySuffix))
	}
	d.files = present
	d.held.Store(held)
	d.log.Info("signing keys read", zap.Strings("keys", said))
	if len(held.files) == 0 {
		d.log.Error("there is no signing key left: no token can be issued")
	}
}

// settle says once what is wrong with a file, and when it is no longer.
func (d *Directory) settle(wrong map[string]error) {
	for name := range d.wrong {
		if wrong[name] == nil {
			delete(d.wrong, name)
		}
	}
	for name, err := range wrong {
		d.complain(name, err)
	}
}

func (d *Directory) complain(name string, err error) {
	if d.wrong[name] == err.Error() {
		return
	}
	d.wrong[name] = err.Error()
	d.log.Error("signing key file not usable, what was known of it stays", zap.String("file", name), zap.Error(err))
}

// signing is the key that signs at a moment, and whether its time has come.
func (d *Directory) signing(at time.Time) (key *Key, due bool) {
	f, due := SigningOf(d.held.Load().files, at)
	return f.Key, due
}

// Signing implements [Signer].
func (d *Directory) Signing() (*Key, error) {
	if key, _ := d.signing(time.Now()); key != nil {
		return key, nil
	}
	return nil, ErrNoKey
}

// Public are all its keys, the newest first.
func (d *Directory) Public() KeySet { return d.held.Load().keys }

// ByHeader implements [Keys].
func (d *Directory) ByHeader(segment string) *Key { return d.Public().ByHeader(segment) }

// ByID implements [Keys].
func (d *Directory) ByID(ctx context.Context, kid string) (*Key, error) {
	return d.Public().ByID(ctx, kid)
}
