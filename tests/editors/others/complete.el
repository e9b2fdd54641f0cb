;;; complete.el --- Take Lacuna's suggestion -*- lexical-binding: t -*-

;;; Commentary:

;; Starts Eglot in a file, completes at the end of its last line as a user does
;; by C-M-i, and saves it, in an Emacs without a screen:
;;
;;     emacs --batch --load INIT --load complete.el FILE

;;; Code:

(package-activate-all)
(require 'eglot)

(find-file (pop command-line-args-left))
(call-interactively #'eglot)
(goto-char (point-max))
(backward-char)

;; Until the model is loaded, there is nothing to be completed.
(while (not (buffer-modified-p))
  (completion-at-point)
  (accept-process-output nil 0.2))

(save-buffer)
(eglot-shutdown (eglot-current-server))

;;; complete.el ends here
