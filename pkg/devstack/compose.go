package devstack

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// A reader is a service of docker-compose.yml. It has a directory of its own, whose
// files nobody else inside of a container can read.
type reader struct {
	name  string
	uid   int      // of the image's user
	hosts []string // by which others reach it; none: it has no certificate
	files func(words) map[string]string
}

// keep is the file of all that was drawn. The rest follows from it and can be
// written again, but for the certificates.
const keep = "passwords.json"

// ComposeSecrets writes into dir what the services of docker-compose.yml know each
// other by. What is there stays as it is, so that it may run before every start, and
// a start that was cut off is finished by the next.
//
// Directories belong to the owner of dir, who can remove all of it. Files belong to
// their reader's user, if this process is root; otherwise to itself.
func ComposeSecrets(dir string) error {
	owner, err := ownerOf(dir)
	if err != nil {
		return err
	}
	w, err := loadWords(filepath.Join(dir, keep))
	if err != nil {
		return err
	}
	files := map[string]map[string]string{}
	for _, r := range readers() {
		files[r.name] = r.files(w)
	}
	demo := demoEnv(w)
	drawn, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	// Before anything that follows from it.
	if err := owner.write(filepath.Join(dir, keep), drawn, owner.uid); err != nil {
		return err
	}
	for _, r := range readers() {
		if err := owner.mkdir(filepath.Join(dir, r.name)); err != nil {
			return err
		}
		for name, text := range files[r.name] {
			if err := owner.write(filepath.Join(dir, r.name, name), []byte(text), r.uid); err != nil {
				return err
			}
		}
	}
	if err := owner.certify(dir); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	return owner.write(filepath.Join(dir, "demo.env"), []byte(demo), owner.uid)
}

// words are what was drawn, by what it is for.
type words map[string]string

// of is the word for this, which is drawn when it is asked for first. It needs no
// quoting anywhere.
func (w words) of(what string) string {
	if w[what] == "" {
		w[what] = rand.Text() + rand.Text()
	}
	return w[what]
}

func loadWords(file string) (words, error) {
	w := words{}
	data, err := os.ReadFile(file) //nolint:gosec // the caller's directory
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return nil, fmt.Errorf("%s: %w", keep, err)
	}
	return w, nil
}

// holder is whom the directory belongs to.
type holder struct{ uid, gid int }

func ownerOf(dir string) (holder, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return holder{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return holder{}, errors.New("this system's files have no owners")
	}
	return holder{int(stat.Uid), int(stat.Gid)}, nil
}

// mkdir also takes a directory that the engine made to mount it.
func (h holder) mkdir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // its files are closed
		return err
	}
	return give(dir, h.uid, h.gid)
}

// write replaces a file as a whole, unless it says the same already.
func (h holder) write(file string, data []byte, uid int) error {
	return h.put(file, data, uid, 0o400)
}

func (h holder) put(file string, data []byte, uid int, mode fs.FileMode) (err error) {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, data) { //nolint:gosec // the caller's directory
		return errors.Join(os.Chmod(file, mode), give(file, uid, h.gid))
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Close())
	if err != nil {
		return err
	}
	if err = give(temp.Name(), uid, h.gid); err != nil {
		return err
	}
	return os.Rename(temp.Name(), file)
}

func give(file string, uid, gid int) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(file, uid, gid)
}

// readersWith are those with a certificate.
func readersWith() []reader {
	return slices.DeleteFunc(readers(), func(r reader) bool { return len(r.hosts) == 0 })
}
