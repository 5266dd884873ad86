// Verifies an exported log with the tlog and note packages of Go's checksum database: code that shares nothing with ours.
//
//	verify FOLDER VKEY [WITNESS-VKEY...]
//
// It checks the signed checkpoint, every tile against the root, every entry's inclusion, that earlier sizes are beginnings of
// the log, and, where witnesses are given, that each has cosigned. It ends with 0 if all of it holds.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Tiles hold 256 hashes.
const height = 8

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: verify FOLDER VKEY [WITNESS-VKEY...]")
		os.Exit(2)
	}
	folder := os.Args[1]
	told, err := verify(folder, read(os.Args[2]), os.Args[3:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", folder, err)
		os.Exit(1)
	}
	fmt.Println(told)
}

func read(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return strings.TrimSpace(string(content))
}

func verify(folder, vkey string, witnesses []string) (string, error) {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return "", err
	}
	tree, err := checkpoint(filepath.Join(folder, "checkpoint"), log)
	if err != nil {
		return "", err
	}
	records, err := entries(folder, tree.N)
	if err != nil {
		return "", err
	}
	reader := tlog.TileHashReader(tree, &tiles{folder})
	if err := inclusion(tree, records, reader); err != nil {
		return "", err
	}
	sizes, err := consistency(tree, records, reader)
	if err != nil {
		return "", err
	}
	if err := everyTile(folder, tree.N, records); err != nil {
		return "", err
	}
	for _, path := range witnesses {
		if err := cosigned(folder, log, read(path), records); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d entries, %d earlier sizes, %d witnesses: all hold", tree.N, sizes, len(witnesses)), nil
}

// checkpoint opens a note that the log must have signed; other signatures are passed over.
func checkpoint(path string, known ...note.Verifier) (tlog.Tree, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(content, note.VerifierList(known...))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != len(known) {
		return tlog.Tree{}, fmt.Errorf("%d of %d signatures are there", len(opened.Sigs), len(known))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != known[0].Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is not about %s", known[0].Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// path strips the height, which our layout doesn't repeat in every path.
func path(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
}

// tiles reads tiles from an exported folder.
type tiles struct{ folder string }

func (t *tiles) Height() int { return height }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		content, err := os.ReadFile(filepath.Join(t.folder, path(tile)))
		if err != nil {
			return nil, err
		}
		found = append(found, content)
	}
	return found, nil
}

// entries reads all entries from their tiles, each after its length in two bytes.
func entries(folder string, size int64) ([][]byte, error) {
	var records [][]byte
	for int64(len(records)) < size {
		n, width := int64(len(records))>>height, size-int64(len(records))
		if width > 1<<height {
			width = 1 << height
		}
		data := path(tlog.Tile{H: height, L: -1, N: n, W: int(width)})
		content, err := os.ReadFile(filepath.Join(folder, strings.Replace(data, "tile/data/", "tile/entries/", 1)))
		if err != nil {
			return nil, err
		}
		for i := int64(0); i < width; i++ {
			if len(content) < 2 || len(content) < 2+int(binary.BigEndian.Uint16(content)) {
				return nil, fmt.Errorf("entry %d breaks off", len(records))
			}
			length := 2 + int(binary.BigEndian.Uint16(content))
			records = append(records, content[2:length])
			content = content[length:]
		}
		if len(content) != 0 {
			return nil, fmt.Errorf("bytes are left after entry %d", len(records)-1)
		}
	}
	return records, nil
}

// inclusion proves every entry from the tiles.
func inclusion(tree tlog.Tree, records [][]byte, reader tlog.HashReader) error {
	for n, record := range records {
		// in a very large log all near an edge of a tile, and every 97th of the rest; the root is computed from all of them below
		if n > 5000 && n%97 != 0 && n%256 > 1 && n%256 < 255 && int64(n) != tree.N-1 {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, int64(n), reader)
		if err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(n), tlog.RecordHash(record)); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	return nil
}

// consistency computes the roots of earlier sizes from the entries alone, and proves from the tiles that the log continues them.
func consistency(tree tlog.Tree, records [][]byte, reader tlog.HashReader) (int, error) {
	stored := store(records)
	root, err := tlog.TreeHash(tree.N, stored)
	if err != nil || root != tree.Hash {
		return 0, fmt.Errorf("the entries lead to the root %v and not to the signed one (%v)", root, err)
	}
	sizes := 0
	for size := int64(1); size <= tree.N; size += 1 + size/7 {
		earlier, err := tlog.TreeHash(size, stored)
		if err != nil {
			return 0, err
		}
		proof, err := tlog.ProveTree(tree.N, size, reader)
		if err != nil {
			return 0, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, size, earlier); err != nil {
			return 0, fmt.Errorf("size %d: %w", size, err)
		}
		sizes++
	}
	return sizes, nil
}

// hashes are the stored hashes of a tree, in memory.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(h)) {
			return nil, fmt.Errorf("there is no stored hash %d", index)
		}
		found = append(found, h[index])
	}
	return found, nil
}

func store(records [][]byte) hashes {
	var stored hashes
	for n, record := range records {
		more, err := tlog.StoredHashes(int64(n), record, stored)
		if err != nil {
			panic(err)
		}
		stored = append(stored, more...)
	}
	return stored
}

// everyTile compares every tile that a log of this size has with what the entries make of it.
func everyTile(folder string, size int64, records [][]byte) error {
	stored := store(records)
	for _, tile := range tlog.NewTiles(height, 0, size) {
		// those at the right edge are named once for each width on the way
		if held := size>>(height*tile.L) - tile.N<<height; tile.W < 1<<height && int64(tile.W) != held {
			continue
		}
		expected, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		found, err := os.ReadFile(filepath.Join(folder, path(tile)))
		if err != nil {
			return err
		}
		if !bytes.Equal(found, expected) {
			return fmt.Errorf("%s is not what the entries make of it", path(tile))
		}
	}
	return nil
}

// cosigned checks that a witness signed `cosigned`, and that this is a beginning of the log.
func cosigned(folder string, log note.Verifier, vkey string, records [][]byte) error {
	witness, err := newWitness(vkey)
	if err != nil {
		return err
	}
	tree, err := checkpoint(filepath.Join(folder, "cosigned"), log, witness)
	if err != nil {
		return fmt.Errorf("%s: %w", witness.name, err)
	}
	if tree.N > int64(len(records)) {
		return fmt.Errorf("%d entries are cosigned, more than there are", tree.N)
	}
	root, err := tlog.TreeHash(tree.N, store(records[:tree.N]))
	if err != nil || root != tree.Hash {
		return fmt.Errorf("the cosigned root is not that of the first %d entries (%v)", tree.N, err)
	}
	return nil
}

// witness verifies cosignatures (C2SP tlog-cosignature), written from the specification.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitness(vkey string) (*witness, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q is no key", vkey)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 {
		return nil, fmt.Errorf("%q is no key of a witness", vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, fmt.Errorf("%q has another hash than its key", vkey)
	}
	return &witness{parts[0], hash, key[1:]}, nil
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

func (w *witness) Verify(message, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, message)
	return ed25519.Verify(w.key, []byte(signed), signature[8:])
}
