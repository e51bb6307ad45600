// Sends the descriptor of a file to whoever started it, over descriptor 3.
package main

import (
	"log"
	"os"
	"syscall"
)

func main() {
	file, err := os.CreateTemp("", "handoff-child-")
	if err != nil {
		log.Fatal(err)
	}
	os.Remove(file.Name())
	if _, err := file.WriteString("Hello from child process!\n"); err != nil {
		log.Fatal(err)
	}
	if _, err := file.Seek(0, 0); err != nil {
		log.Fatal(err)
	}
	rights := syscall.UnixRights(int(file.Fd()))
	if err := syscall.Sendmsg(3, []byte("x"), rights, nil, 0); err != nil {
		log.Fatal(err)
	}
}
